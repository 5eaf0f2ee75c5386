//! Tests of identifiers and names; the letters in their names are the cases of the acceptance list.
