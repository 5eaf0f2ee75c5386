//! The rule against a model.
