//! The table: a line for each figure, printed as soon as it is known.

use std::{fmt, time::Instant};

/// A number with what it counts.
#[derive(Clone, Copy)]
pub enum Value {
    Millis(f64),
    Micros(f64),
    PerSecond(f64),
    Megabytes(f64),
    /// Of a processor's time.
    Percent(f64),
    /// How many times something else.
    Times(f64),
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(Value),
    AtLeast(Value),
    None,
}

/// Prints figures, and counts the goals.
pub struct Table {
    begun: Instant,
    met: usize,
    missed: usize,
}

impl Value {
    fn number(self) -> f64 {
        match self {
            Self::Millis(n)
            | Self::Micros(n)
            | Self::PerSecond(n)
            | Self::Megabytes(n)
            | Self::Percent(n)
            | Self::Times(n) => n,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Millis(n) if n.abs() < 1.0 => write!(f, "{n:.3} ms"),
            Self::Millis(n) if n.abs() < 100.0 => write!(f, "{n:.2} ms"),
            Self::Millis(n) => write!(f, "{n:.0} ms"),
            Self::Micros(n) => write!(f, "{n:.2} µs"),
            Self::PerSecond(n) => write!(f, "{n:.0} /s"),
            Self::Megabytes(n) => write!(f, "{n:.1} MB"),
            Self::Percent(n) => write!(f, "{n:.1} %"),
            Self::Times(n) => write!(f, "{n:.3} ×"),
        }
    }
}

impl Table {
    pub fn begin() -> Self {
        let table = Self { begun: Instant::now(), met: 0, missed: 0 };
        table.line(["figure", "measured", "beside it", "ratio", "goal", ""]);
        table
    }

    /// A figure by itself.
    pub fn row(&mut self, figure: &str, measured: Value, goal: Goal) {
        self.print(figure, measured, String::new(), String::new(), goal);
    }

    /// A figure and what it is to be compared with, of the same unit.
    pub fn beside(&mut self, figure: &str, measured: Value, what: &str, other: Value, goal: Goal) {
        let ratio = measured.number() / other.number();
        self.print(figure, measured, format!("{what} {other}"), format!("{ratio:.2} ×"), goal);
    }

    pub fn end(self) {
        println!("{} goals met, {} missed, in {} s", self.met, self.missed, self.begun.elapsed().as_secs());
    }

    fn print(&mut self, figure: &str, measured: Value, beside: String, ratio: String, goal: Goal) {
        let (text, met) = match goal {
            Goal::AtMost(most) => (format!("≤ {most}"), Some(measured.number() <= most.number())),
            Goal::AtLeast(least) => (format!("≥ {least}"), Some(measured.number() >= least.number())),
            Goal::None => (String::new(), None),
        };
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        self.met += usize::from(met == Some(true));
        self.missed += usize::from(met == Some(false));
        self.line([figure, &measured.to_string(), &beside, &ratio, &text, verdict]);
    }

    fn line(&self, [figure, measured, beside, ratio, goal, verdict]: [&str; 6]) {
        let line = format!("{figure:<52} {measured:>11}  {beside:<34} {ratio:>9}  {goal:<13} {verdict}");
        println!("{}", line.trim_end());
    }
}
