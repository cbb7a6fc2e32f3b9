//! Whole definitions in, plans or diagnostics out.

mod catalog;
mod conformance;
mod diagnostics;
mod graph;
mod plans;
mod robustness;
mod rules;
