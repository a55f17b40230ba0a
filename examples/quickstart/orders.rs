//! The rows of the CSV files, and what they say.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, ensure};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/orders.csv");
const HEADER: &str = "order,customer,country,item,quantity,price,currency";

/// What the conversion needs of an order.
pub(crate) struct Order {
    pub(crate) country: String,
    pub(crate) total: f64,
    pub(crate) currency: String,
}

impl Order {
    /// Reads a row. The columns are plain: no quotes, no commas inside.
    pub(crate) fn parse(row: &str) -> anyhow::Result<Self> {
        let columns: Vec<&str> = row.split(',').collect();
        let [_order, _customer, country, _item, quantity, price, currency] = columns[..] else {
            anyhow::bail!("{} columns where 7 are expected", columns.len());
        };
        let quantity: i64 = number("quantity", quantity)?;
        ensure!(0 < quantity, "a quantity of {quantity}");
        let price: f64 = number("price", price)?;
        Ok(Self { country: country.into(), total: price * quantity as f64, currency: currency.into() })
    }
}

fn number<T: FromStr>(column: &str, text: &str) -> anyhow::Result<T> {
    text.trim().parse().map_err(|_| anyhow::anyhow!("{column} {text:?} is not a number"))
}

/// Reads the rows of a file, of all `.csv` files of a folder, or of the file that is shipped; each with its file and line.
pub(crate) fn read(path: Option<String>) -> anyhow::Result<Vec<(String, String)>> {
    let path = path.map_or_else(|| PathBuf::from(SHIPPED), PathBuf::from);
    let mut files = vec![path.clone()];
    if path.is_dir() {
        let entries = fs::read_dir(&path)?.map(|entry| Ok(entry?.path()));
        files = entries.collect::<std::io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "csv"));
        files.sort();
    }
    let mut rows = Vec::new();
    for file in &files {
        rows.extend(rows_of(file)?);
    }
    ensure!(!rows.is_empty(), "{} has no orders: a file, or the .csv files of a folder", path.display());
    Ok(rows)
}

fn rows_of(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut lines = text.lines();
    ensure!(lines.next() == Some(HEADER), "{name}: the first line must be\n  {HEADER}");
    Ok(lines.enumerate().map(|(index, row)| (format!("{name}:{}", index + 2), row.to_owned())).collect())
}
