//! Whole definitions in, plans or diagnostics out.

mod catalog;
mod conformance;
mod diagnostics;
mod distributed;
mod graph;
mod jsonata;
mod plans;
mod references;
mod robustness;
mod rules;
