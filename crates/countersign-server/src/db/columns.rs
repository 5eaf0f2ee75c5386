//! How values travel to and from PostgreSQL and MySQL.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::mysql::{MySqlRow, MySqlTypeInfo};
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgRow, PgTypeInfo};
use sqlx::{Decode, Encode, MySql, Postgres, Row as _, Type, ValueRef as _};

use super::{DbError, Row, Value};

/// PostgreSQL's pseudo-type for a parameter whose type is to be inferred from where it stands.
const UNKNOWN: Oid = Oid(705);

impl Type<Postgres> for Value {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UNKNOWN)
    }
}

impl Encode<'_, Postgres> for Value {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => Encode::<Postgres>::encode_by_ref(number, buffer),
            Self::Text(text) => Encode::<Postgres>::encode_by_ref(text, buffer),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self {
            Self::Null => <Self as Type<Postgres>>::type_info(),
            Self::Int(_) => <i64 as Type<Postgres>>::type_info(),
            Self::Text(_) => <str as Type<Postgres>>::type_info(),
        })
    }
}

impl Type<MySql> for Value {
    fn type_info() -> MySqlTypeInfo {
        <str as Type<MySql>>::type_info()
    }
}

impl Encode<'_, MySql> for Value {
    fn encode_by_ref(&self, buffer: &mut Vec<u8>) -> Result<IsNull, BoxDynError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => Encode::<MySql>::encode_by_ref(number, buffer),
            Self::Text(text) => Encode::<MySql>::encode_by_ref(text, buffer),
        }
    }

    fn produces(&self) -> Option<MySqlTypeInfo> {
        Some(match self {
            Self::Int(_) => <i64 as Type<MySql>>::type_info(),
            Self::Null | Self::Text(_) => <str as Type<MySql>>::type_info(),
        })
    }
}

/// A server's row, read whole.
pub(super) trait Columns {
    /// Its values.
    fn values(&self) -> Result<Row, DbError>;
}

impl Columns for PgRow {
    fn values(&self) -> Result<Row, DbError> {
        (0..self.len()).map(|index| postgres(self, index)).collect::<Result<_, _>>().map(Row::new)
    }
}

impl Columns for MySqlRow {
    fn values(&self) -> Result<Row, DbError> {
        (0..self.len()).map(|index| mysql(self, index)).collect::<Result<_, _>>().map(Row::new)
    }
}

fn postgres(row: &PgRow, index: usize) -> Result<Value, DbError> {
    let column = row.try_get_raw(index)?;
    if column.is_null() {
        return Ok(Value::Null);
    }
    let info = column.type_info();
    let value = if <str as Type<Postgres>>::compatible(&info) {
        <String as Decode<Postgres>>::decode(column).map(Value::Text)
    } else if *info == <i64 as Type<Postgres>>::type_info()
        || *info == <i32 as Type<Postgres>>::type_info()
    {
        <i64 as Decode<Postgres>>::decode(column).map(Value::Int)
    } else {
        Err("another type".into())
    };
    value.map_err(|_| DbError::Column { index, expected: "text or an integer" })
}

fn mysql(row: &MySqlRow, index: usize) -> Result<Value, DbError> {
    let column = row.try_get_raw(index)?;
    if column.is_null() {
        return Ok(Value::Null);
    }
    let info = column.type_info();
    let value = if <i64 as Type<MySql>>::compatible(&info) {
        <i64 as Decode<MySql>>::decode(column).map(Value::Int)
    } else if <u64 as Type<MySql>>::compatible(&info) {
        <u64 as Decode<MySql>>::decode(column)
            .and_then(|number| Ok(Value::Int(i64::try_from(number)?)))
    } else if <[u8] as Type<MySql>>::compatible(&info) {
        // Text of any collation; also what MySQL calls binary but is text, as some expressions.
        <String as Decode<MySql>>::decode(column).map(Value::Text)
    } else {
        Err("another type".into())
    };
    value.map_err(|_| DbError::Column { index, expected: "text or an integer" })
}
