//! The tables of functions-host 1.6, 3, 4 and 6, row by row, on a running host: a file per section, and the row in the name of each test
//! or in front of each line.

mod section_1_6;
mod section_3;
mod section_3_3;
mod section_3_5;
mod section_4;
mod section_4_1;
mod section_6;
mod section_6_1;
