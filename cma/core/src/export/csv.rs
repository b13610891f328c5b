//! Reading CSV as RFC 4180 has it, with the liberties that files take: bare line feeds, blank lines, a byte order mark.

/// The records of a text. A quote that is not closed takes the rest of the text into its cell; nothing is refused.
pub(crate) fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut chars = text.strip_prefix('\u{feff}').unwrap_or(text).chars().peekable();
    while let Some(c) = chars.next() {
        match (c, reader.quoted) {
            ('"', true) if chars.peek() == Some(&'"') => reader.cell.extend(chars.next()),
            ('"', true) => reader.quoted = false,
            (c, true) => reader.cell.push(c),
            ('"', false) if reader.cell.is_empty() => reader.quoted = true,
            (',', false) => reader.end_cell(),
            ('\r', false) if chars.peek() == Some(&'\n') => {}
            ('\n', false) => reader.end_record(),
            (c, false) => reader.cell.push(c),
        }
    }
    reader.end_record();
    reader.records
}

#[derive(Default)]
struct Reader {
    records: Vec<Vec<String>>,
    record: Vec<String>,
    cell: String,
    quoted: bool,
}

impl Reader {
    fn end_cell(&mut self) {
        self.record.push(core::mem::take(&mut self.cell));
    }

    /// A line with nothing in it is no record.
    fn end_record(&mut self) {
        if self.record.is_empty() && self.cell.is_empty() {
            return;
        }
        self.end_cell();
        self.records.push(core::mem::take(&mut self.record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read_as_they_were_written() {
        let cases: &[(&str, &[&[&str]])] = &[
            ("", &[]),
            ("a,b\r\nc,d\r\n", &[&["a", "b"], &["c", "d"]]),
            ("\u{feff}a,b\n\n\nc,", &[&["a", "b"], &["c", ""]]),
            ("\"a,\"\"b\"\"\",\"two\nlines\"", &[&["a,\"b\"", "two\nlines"]]),
            ("5\" disk,x", &[&["5\" disk", "x"]]),
            ("\"never closed,x\ny", &[&["never closed,x\ny"]]),
            (",\n", &[&["", ""]]),
        ];
        for (text, want) in cases {
            assert_eq!(records(text), *want, "{text:?}");
        }
    }
}
