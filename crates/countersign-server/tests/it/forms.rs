//! Bodies as HTML forms and older clients write them.

use std::fmt::Write as _;

pub(crate) const URL_ENCODED: &str = "application/x-www-form-urlencoded";
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=x-x-x";

/// The fields as `application/x-www-form-urlencoded`.
pub(crate) fn url_encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The fields as [`MULTIPART`].
pub(crate) fn multipart(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, text) in fields {
        let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
        write!(body, "--x-x-x\r\n{disposition}\r\n\r\n{text}\r\n").expect("there is room");
    }
    body + "--x-x-x--\r\n"
}
