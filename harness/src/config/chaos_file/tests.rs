//! Mistakes in a scenario are told with file, line and nearest name.
