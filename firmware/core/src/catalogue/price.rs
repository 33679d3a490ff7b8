//! What tokens cost, as vendors publish it.

use std::num::NonZeroU64;

use serde::{Deserialize, Deserializer, de};

use crate::{Cost, Currency, Usage};

/// Prices that were read together on one page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day they were read, such as `2026-11-05`.
    pub as_of: String,
    /// The page that says so, for people.
    pub source: String,
    /// As ISO 4217 names it, such as `USD`; one for all that a vendor sells.
    pub currency: Currency,
    /// The first that fits counts.
    pub models: Vec<Price>,
}

/// What a model costs, in millionths of the currency for a million tokens. Files say it in the currency itself, at most six
/// digits behind the point, as a string: `"0.075"`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Its name; a `*` at the end takes what follows.
    pub model: String,
    /// Only for requests with at most so many tokens of input.
    #[serde(default)]
    pub up_to: Option<NonZeroU64>,
    #[serde(deserialize_with = "millionths")]
    pub input: u64,
    /// Input that a cache had, and that is put into one; without a price it costs what other input does.
    #[serde(default, deserialize_with = "some_millionths")]
    pub cached: Option<u64>,
    #[serde(default, deserialize_with = "some_millionths")]
    pub written: Option<u64>,
    #[serde(deserialize_with = "millionths")]
    pub output: u64,
}

impl Prices {
    /// What this use of a model costs; `None` where nothing is known of it.
    pub fn cost(&self, model: &str, usage: &Usage) -> Option<Cost> {
        let price = self.models.iter().find(|price| price.fits(model, usage))?;
        Some(Cost { micros: price.of(usage), currency: self.currency, as_of: self.as_of.clone() })
    }
}

impl Price {
    fn fits(&self, model: &str, usage: &Usage) -> bool {
        let named = match self.model.strip_suffix('*') {
            Some(beginning) => model.starts_with(beginning),
            None => model == self.model,
        };
        named && self.up_to.is_none_or(|most| usage.input <= most.get())
    }

    /// Rounded to the nearest millionth.
    fn of(&self, usage: &Usage) -> u64 {
        let plain = usage.input.saturating_sub(usage.cached).saturating_sub(usage.written);
        let parts = [
            (plain, self.input),
            (usage.cached, self.cached.unwrap_or(self.input)),
            (usage.written, self.written.unwrap_or(self.input)),
            (usage.output, self.output),
        ];
        let product = |(tokens, price): (u64, u64)| u128::from(tokens) * u128::from(price);
        let sum = parts.into_iter().map(product).fold(0, u128::saturating_add);
        u64::try_from(sum.saturating_add(500_000) / 1_000_000).unwrap_or(u64::MAX)
    }
}

fn millionths<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let text = String::deserialize(input)?;
    let wrong = || de::Error::custom(format!("`{text}` is no price such as \"0.075\""));
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || whole.len() > 6 || part.len() > 6 {
        return Err(wrong());
    }
    format!("{whole}{part:0<6}").parse().map_err(|_| wrong())
}

fn some_millionths<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    millionths(input).map(Some)
}

#[cfg(test)]
mod tests {
    use super::Prices;
    use crate::{Cost, Currency, Usage};

    const PRICES: &str = r#"
        as_of = "2026-11-05"
        source = "https://acme.example/pricing"
        currency = "USD"
        models = [
            { model = "big-1", input = "2.50", cached = "0.25", written = "3.125", output = "15" },
            { model = "big-*", up_to = 1000, input = "1", output = "2" },
            { model = "big-*", input = "2", output = "4" },
        ]
    "#;

    fn cost(model: &str, usage: Usage) -> Option<u64> {
        toml::from_str::<Prices>(PRICES).unwrap().cost(model, &usage).map(|cost| cost.micros)
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let usage = Usage { input: 1000, output: 100, cached: 600, written: 200, ..Usage::default() };
        // 200 × 2.5 + 600 × 0.25 + 200 × 3.125 + 100 × 15, in millionths.
        assert_eq!(cost("big-1", usage), Some(2775));
        assert_eq!(cost("big-2", usage), Some(1200), "without a price for caches");
        assert_eq!(cost("big-2", Usage { input: 1001, ..Usage::default() }), Some(2002), "a long prompt");
        assert_eq!(cost("small", usage), None);
        assert_eq!(cost("big-1", Usage { input: u64::MAX, output: u64::MAX, ..usage }), Some(u64::MAX));
        let known = toml::from_str::<Prices>(PRICES).unwrap().cost("big-1", &Usage { output: 1, ..Usage::default() });
        let dated = Cost { micros: 15, currency: Currency::Usd, as_of: "2026-11-05".into() };
        assert_eq!(known, Some(dated));
    }

    #[test]
    fn prices_that_are_none_are_named() {
        for wrong in ["-1", "1,5", "", ".5", "1.", "1.2345678", "1e3", "12345678"] {
            let error = toml::from_str::<Prices>(&PRICES.replace("\"2.50\"", &format!("{wrong:?}"))).unwrap_err();
            assert!(error.to_string().contains(&format!("`{wrong}` is no price")), "{error}");
        }
    }
}
