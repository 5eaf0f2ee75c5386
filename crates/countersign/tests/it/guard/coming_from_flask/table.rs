//! The table itself: whole, and every row of it shown by a test.

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../../../../docs/coming-from-flask-jwt-extended.md");

/// What the library itself lists; `list.py` asked it.
const LISTED: &str = include_str!("../../../flask_jwt_extended/options.json");

const TESTS: [&str; 7] = [
    include_str!("answers.rs"),
    include_str!("claims.rs"),
    include_str!("cookies.rs"),
    include_str!("issuing.rs"),
    include_str!("keys.rs"),
    include_str!("places.rs"),
    include_str!("users.rs"),
];

fn listed(kind: &str) -> Vec<String> {
    let listed: Value = serde_json::from_str(LISTED).unwrap();
    let names = listed[kind].as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The cells of the table under this heading, row by row.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| `"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_table_has_every_option_and_callback_once_and_no_other() {
    for (heading, kind, count) in [("Options", "options", 43), ("Callbacks", "callbacks", 15)] {
        let rows = rows(heading);
        let mut names: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
        names.sort_unstable();
        assert_eq!(names, listed(kind), "{heading}");
        assert_eq!(names.len(), count, "{heading}");
        for row in &rows {
            let [name, offered, how] = row[..] else { panic!("{row:?}") };
            assert!(["yes", "fixed", "no"].contains(&offered), "{name}: {offered}");
            assert!(how.ends_with('.'), "{name}: {how}");
        }
    }
}

#[test]
fn every_row_is_shown_by_a_test() {
    let headings =
        TESTS.iter().flat_map(|text| text.lines()).filter(|line| line.starts_with("///"));
    let shown: Vec<_> = headings.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
    for name in listed("options").iter().chain(&listed("callbacks")) {
        assert!(shown.contains(&name.as_str()), "{name}");
    }
}
