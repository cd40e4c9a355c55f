//! The table at the end.

/// One line of the table.
pub(crate) struct Check {
    name: String,
    value: f64,
    limit: Option<f64>,
    unit: &'static str,
}

impl Check {
    pub(crate) fn info(name: &str, value: f64, unit: &'static str) -> Self {
        Self { name: name.to_owned(), value, limit: None, unit }
    }

    pub(crate) fn at_most(name: &str, value: f64, limit: f64, unit: &'static str) -> Self {
        Self { name: name.to_owned(), value, limit: Some(limit), unit }
    }

    /// A number that could not be measured does not pass.
    fn passed(&self) -> bool {
        self.limit.is_none_or(|limit| self.value <= limit)
    }
}

/// All lines.
#[derive(Default)]
pub(crate) struct Report(Vec<Check>);

impl Report {
    pub(crate) fn add(&mut self, check: Check) {
        self.0.push(check);
    }

    pub(crate) fn passed(&self) -> bool {
        self.0.iter().all(Check::passed)
    }

    pub(crate) fn print(&self) {
        println!("\n{:<44} {:>12}  {:<12} {:>10}", "", "measured", "", "at most");
        for check in &self.0 {
            let (limit, word) = match check.limit {
                Some(limit) => (format!("{limit}"), if check.passed() { "PASS" } else { "FAIL" }),
                None => (String::new(), ""),
            };
            println!("{:<44} {:>12.2}  {:<12} {limit:>10}  {word}", check.name, check.value, check.unit);
        }
    }
}
