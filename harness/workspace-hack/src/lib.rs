//! Holds no code: its dependencies unify the features of the workspace (cargo-hakari).
