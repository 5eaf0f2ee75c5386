//! The shapes that are phone numbers beside the international one, where clients write such.

use super::{Identifier, InvalidIdentifier, Kind};

/// Which shapes are phone numbers here: none but the international one, unless a dialect that is
/// switched on says so. Then they are everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shapes {
    /// The eleven digits of a mobile number of mainland China.
    pub mobile_cn: bool,
}

impl Shapes {
    /// What is a phone number in any of these.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { mobile_cn: self.mobile_cn || other.mobile_cn }
    }

    /// As [`Identifier::parse`].
    pub fn parse(self, value: &str) -> Result<Identifier, InvalidIdentifier> {
        self.phone(value).map_or_else(|| Identifier::parse(value), Ok)
    }

    /// As [`Identifier::parse_as`].
    pub fn parse_as(self, kind: Kind, value: &str) -> Result<Identifier, InvalidIdentifier> {
        match (self.phone(value), kind) {
            (Some(phone), Kind::Phone) => Ok(phone),
            (Some(_), Kind::Username) => Err(InvalidIdentifier::MobileNumber),
            _ => Identifier::parse_as(kind, value),
        }
    }

    fn phone(self, value: &str) -> Option<Identifier> {
        Identifier::mobile_cn(value).ok().filter(|_| self.mobile_cn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mobile_number_is_a_phone_only_where_that_is_said() {
        let here = Shapes::default().and(Shapes { mobile_cn: true });
        let number = " 13812345678 ";
        let phone = here.parse(number).expect("a phone");
        assert_eq!((phone.kind, phone.key.as_str()), (Kind::Phone, "+8613812345678"));
        assert_eq!(here.parse_as(Kind::Phone, number).as_ref(), Ok(&phone));
        let refused = here.parse_as(Kind::Username, number);
        assert_eq!(refused, Err(InvalidIdentifier::MobileNumber));
        assert!(here.parse_as(Kind::Email, number).is_err());

        let elsewhere = Shapes::default();
        assert_eq!(elsewhere.parse(number).map(|found| found.kind), Ok(Kind::Username));
        assert!(elsewhere.parse_as(Kind::Phone, number).is_err());
        for other in ["12812345678", "1381234567", "mike", "a@x.org", "+44 20 7946 0958"] {
            assert_eq!(here.parse(other), Identifier::parse(other), "{other}");
        }
    }
}
