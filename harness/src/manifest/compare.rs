//! The keys that say how results are compared: `compare` and `normalise`.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Source;
use crate::error::Result;

/// How the results of one program are compared.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Compare {
    /// Standard output.
    #[serde(default)]
    pub stdout: StreamMode,
    /// Standard error.
    #[serde(default)]
    pub stderr: StreamMode,
    /// How far apart floats may be. Integers, versions and times must be equal whatever it says.
    pub float: Option<Float>,
}

/// How one stream is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StreamMode {
    /// Line by line after the named rules.
    #[default]
    Text,
    /// Byte by byte; no rule applies.
    Exact,
    /// Not at all.
    Ignore,
}

/// How far apart two floats may be: within any one of the bounds.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Float {
    /// So many representable values apart.
    #[serde(default)]
    pub ulps: u32,
    /// A difference of so much.
    #[cfg_attr(test, schemars(with = "Option<f64>"))]
    pub abs: Option<Spanned<f64>>,
    /// A difference of so large a part of the larger one.
    #[cfg_attr(test, schemars(with = "Option<f64>"))]
    pub rel: Option<Spanned<f64>>,
    /// What `ulps` counts: `f64`, the default, or `f32`.
    #[serde(default, rename = "type")]
    pub width: FloatWidth,
    /// Whether -0.0 and 0.0 differ; they do unless this says otherwise.
    pub signed_zero: Option<bool>,
}

/// The type of a program's floats.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FloatWidth {
    /// 64 bits.
    #[default]
    F64,
    /// 32 bits.
    F32,
}

/// A replacement on both sides, in every line, before lines are compared.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Normalise {
    /// What is replaced.
    #[cfg_attr(test, schemars(with = "String"))]
    pub regex: Spanned<String>,
    /// By what; `$1` stands for the first group.
    pub replace: String,
}

impl Compare {
    pub(super) fn check(&self, source: &Source) -> Result<()> {
        let Some(float) = &self.float else { return Ok(()) };
        for (name, bound, most) in [("abs", &float.abs, f64::INFINITY), ("rel", &float.rel, 1.0)] {
            let Some(bound) = bound else { continue };
            if !(bound.get_ref().is_finite() && (0.0..most).contains(bound.get_ref())) {
                let range = if most.is_finite() { "from 0 to below 1" } else { "0 or more" };
                return Err(source.problem(bound.span(), format!("`{name}` must be a number {range}")));
            }
        }
        Ok(())
    }

    /// The tolerance that is asked for.
    pub fn tolerance(&self) -> crate::compare::Tolerance {
        let Some(float) = &self.float else { return crate::compare::Tolerance::default() };
        let bound = |bound: &Option<Spanned<f64>>| bound.as_ref().map_or(0.0, |bound| *bound.get_ref());
        crate::compare::Tolerance {
            ulps: float.ulps.into(),
            abs: bound(&float.abs),
            rel: bound(&float.rel),
            single: float.width == FloatWidth::F32,
            zeros_equal: float.signed_zero == Some(false),
        }
    }
}

impl Normalise {
    pub(super) fn check(&self, source: &Source) -> Result<()> {
        match self.compile() {
            Ok(_) => Ok(()),
            Err(why) => Err(source.problem(self.regex.span(), why)),
        }
    }

    /// The rule, ready for use; the error is one sentence.
    pub fn compile(&self) -> Result<crate::compare::Normalise, String> {
        let text = self.regex.get_ref();
        let regex = regex::bytes::Regex::new(text).map_err(|error| {
            // The last line of several says what is wrong; the others draw the expression.
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            format!("`{text}` is no regular expression: {}", last.trim_start_matches("error: "))
        })?;
        if regex.is_match(b"") {
            return Err(format!("`{text}` matches nothing at all, and so at every place"));
        }
        Ok(crate::compare::Normalise { regex, replace: self.replace.clone() })
    }
}
