//! A PostgreSQL of the test's own, where the machine has one.
