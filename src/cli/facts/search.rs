//! `endcap facts search`.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::cli::output;
use crate::cli::place::Place;
use crate::config::Sources;
use crate::facts::Price;

/// What is looked for.
#[derive(Debug, Args)]
pub(in crate::cli) struct Search {
    /// Words, or an SKU; without them all that pass the filters
    words: Vec<String>,
    /// Of this category or below it, as drinks/coffee
    #[arg(long)]
    category: Option<String>,
    /// Costs at least this
    #[arg(long)]
    min_price: Option<String>,
    /// Costs at most this
    #[arg(long)]
    max_price: Option<String>,
    /// Free of this allergen, traces included; may be given several times
    #[arg(long, value_name = "ALLERGEN")]
    without: Vec<String>,
    /// Only what is there
    #[arg(long)]
    in_stock: bool,
    /// Only what has a promotion now
    #[arg(long)]
    on_promotion: bool,
    /// The language of the words, and of the names that are shown, as de
    #[arg(long)]
    language: Option<String>,
    /// Products at most
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Print JSON for scripts instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Search {
    pub(super) async fn run(&self, sources: &Sources) -> anyhow::Result<()> {
        let path = format!("/store/v1/search?{}", self.query());
        let answer = self.place.ask(sources, Method::GET, &path, None).await?;
        if self.json {
            return output::json(&answer);
        }
        let found = answer.get("products").and_then(Value::as_array);
        let rows: Vec<_> = found.into_iter().flatten().map(row).collect();
        let text = if rows.is_empty() { "nothing was found".to_owned() } else { table(&rows) };
        Ok(output::line(&text)?)
    }

    fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let texts = [
            ("q", Some(self.words.join(" ")).filter(|words| !words.is_empty())),
            ("category", self.category.clone()),
            ("min_price", self.min_price.clone()),
            ("max_price", self.max_price.clone()),
            ("without", Some(self.without.join(",")).filter(|names| !names.is_empty())),
            ("in_stock", self.in_stock.then(|| "true".to_owned())),
            ("on_promotion", self.on_promotion.then(|| "true".to_owned())),
            ("language", self.language.clone()),
            ("limit", Some(self.limit.to_string())),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                query.append_pair(name, &text);
            }
        }
        query.finish()
    }
}

/// SKU, price, and name of a product.
fn row(product: &Value) -> [String; 3] {
    let text = |field: &str| product.get(field).and_then(Value::as_str).unwrap_or_default();
    let price = product.get("price").cloned().unwrap_or_default();
    let price = serde_json::from_value::<Price>(price);
    let price = price.map_or_else(|_| String::new(), |price| price.amount.to_string());
    let recalled = product.get("recalled") == Some(&Value::Bool(true));
    let name = text("name");
    let name = if recalled { format!("{name} (recalled)") } else { name.to_owned() };
    [text("sku").to_owned(), price, name]
}

fn table(rows: &[[String; 3]]) -> String {
    let width = |column: fn(&[String; 3]) -> &String| {
        rows.iter().map(|row| column(row).chars().count()).max().unwrap_or_default()
    };
    let (sku, price) = (width(|[sku, ..]| sku), width(|[_, price, _]| price));
    let line =
        |[a, b, c]: &[String; 3]| format!("{a:sku$}  {b:>price$}  {c}").trim_end().to_owned();
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_product_is_one_line() {
        let rows = [
            row(
                &json!({"sku": "41", "name": "Oat Milk", "price": {"amount": 2.5, "currency": "USD"}}),
            ),
            row(&json!({"sku": "1042", "name": "Cookies", "price": null, "recalled": true})),
        ];
        assert_eq!(table(&rows), "41    2.50 USD  Oat Milk\n1042            Cookies (recalled)");
    }
}
