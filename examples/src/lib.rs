//! Examples: one idea each, see the `[[example]]` targets.
