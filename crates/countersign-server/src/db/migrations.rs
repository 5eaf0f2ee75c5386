//! The list of migrations. A new one is a file in `migrations/` and a line here; how they are
//! written is said in [`migrate`](super::Migration).

use super::Migration;

/// `migration!("7_name.sql")`: the file of that name in `migrations/`.
#[macro_export]
macro_rules! migration {
    ($file:literal) => {
        $crate::db::Migration::new(
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $file)),
        )
    };
}

/// Every migration, oldest first.
pub const MIGRATIONS: &[Migration] = &[];

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        let versions = MIGRATIONS.iter().map(|migration| migration.version);
        assert!(versions.eq(1..=u32::try_from(MIGRATIONS.len()).expect("there are few")));
    }
}
