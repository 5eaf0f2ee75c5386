//! What the old system and ours answered to the same client.

use serde_json::Value;

/// An answer of ours that differs on purpose.
pub(crate) struct Difference {
    /// The row of the contract that wants it.
    pub(crate) row: &'static str,
    /// The client's step.
    pub(crate) step: &'static str,
    /// What the old system answers: those members of the step that differ.
    pub(crate) was: Value,
    /// What ours answers.
    pub(crate) is: Value,
}

/// Asserts that the same was answered, but for the differences, each of which there is.
#[track_caller]
pub(crate) fn assert_equal(old: &[Value], new: &[Value], differences: &[Difference]) {
    let mut expected = old.to_vec();
    for Difference { row, step, was, is } in differences {
        let line = expected.iter_mut().find(|line| line["step"] == *step);
        let line = line.unwrap_or_else(|| panic!("the client has no step {step:?}"));
        for (name, value) in was.as_object().expect("members") {
            assert_eq!(line[name], *value, "{row}: {step}: the old system");
        }
        for (name, value) in is.as_object().expect("members") {
            line[name] = value.clone();
        }
    }
    let unlike: Vec<String> = expected
        .iter()
        .zip(new)
        .filter(|(expected, new)| expected != new)
        .map(|(expected, new)| format!("expected {expected}\n     got {new}"))
        .collect();
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
    assert_eq!(old.len(), new.len());
}

/// What was answered in this step.
#[track_caller]
pub(crate) fn step<'a>(transcript: &'a [Value], step: &str) -> &'a Value {
    let line = transcript.iter().find(|line| line["step"] == step);
    line.unwrap_or_else(|| panic!("the client has no step {step:?}"))
}
