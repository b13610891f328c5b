//! Just enough JSON to write it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Text;

pub(crate) enum Json {
    Number(u64),
    Bool(bool),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn object() -> Self {
        Self::Object(Vec::new())
    }

    /// A list, or nothing when it would be empty.
    pub(crate) fn list(items: impl IntoIterator<Item = Self>) -> Option<Self> {
        let items: Vec<Self> = items.into_iter().collect();
        (!items.is_empty()).then_some(Self::List(items))
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Self>) -> Self {
        if let Self::Object(members) = &mut self {
            members.push((key, value.into()));
        }
        self
    }

    pub(crate) fn with_some(self, key: &'static str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// Nothing when the object has no members.
    pub(crate) fn unless_empty(self) -> Option<Self> {
        match &self {
            Self::Object(members) if members.is_empty() => None,
            Self::Object(_) | Self::List(_) | Self::Text(_) | Self::Number(_) | Self::Bool(_) => Some(self),
        }
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Json {
            fn from(number: $number) -> Self {
                Self::Number(number.into())
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64);

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Cow<'_, str>> for Json {
    fn from(text: Cow<'_, str>) -> Self {
        Self::Text(text.into_owned())
    }
}

impl From<&Text> for Json {
    fn from(text: &Text) -> Self {
        text.lossy().into()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Text(text) => quoted(f, text),
            Self::List(items) => {
                between(f, "[", items, |f, item| fmt::Display::fmt(item, f))?;
                f.write_str("]")
            }
            Self::Object(members) => {
                between(f, "{", members, |f, (key, value)| write!(f, "\"{key}\":{value}"))?;
                f.write_str("}")
            }
        }
    }
}

fn between<T>(
    f: &mut fmt::Formatter<'_>,
    open: &str,
    items: &[T],
    mut one: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(open)?;
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { "," })?;
        one(f, item)?;
    }
    Ok(())
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    // Nearly all text is one plain run.
    for run in text.split_inclusive(needs_escape) {
        let last = run.chars().next_back().filter(|c| needs_escape(*c));
        f.write_str(last.map_or(Some(run), |c| run.strip_suffix(c)).unwrap_or_default())?;
        match last {
            None => {}
            Some(c @ ('"' | '\\')) => write!(f, "\\{c}")?,
            Some(c) => write!(f, "\\u{:04x}", u32::from(c))?,
        }
    }
    f.write_str("\"")
}

/// DEL and the C1 controls are legal JSON, but a terminal obeys them.
fn needs_escape(c: char) -> bool {
    matches!(c, '"' | '\\') || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn json_escapes_what_would_end_a_string_or_move_a_cursor() {
        let value = Json::object()
            .with("a", "q\"b\\n\n\u{7f}é")
            .with_some("none", Option::<u8>::None)
            .with("l", Json::List(Vec::from([Json::from(1_u8), Json::from(true)])));
        assert_eq!(value.to_string(), r#"{"a":"q\"b\\n\u000a\u007fé","l":[1,true]}"#);
    }
}
