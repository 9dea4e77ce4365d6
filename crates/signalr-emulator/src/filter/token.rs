//! The words, texts, numbers and signs of a filter.

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(String),
    /// Between single quotes; a quote inside is written twice.
    Text(String),
    Number(i64),
    Sign(char),
}

/// Splits a filter. An error is the complaint.
pub(super) fn split(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = match first {
            '\'' => quoted(&rest[1..])?,
            '(' | ')' | ',' => (Token::Sign(first), &rest[1..]),
            '-' | '0'..='9' => number(rest)?,
            first if first.is_ascii_alphabetic() => word(rest),
            first => return Err(format!("`{first}` means nothing")),
        };
        tokens.push(token);
        rest = behind.trim_start();
    }
    Ok(tokens)
}

fn quoted(text: &str) -> Result<(Token, &str), String> {
    let (mut content, mut rest) = (String::new(), text);
    loop {
        let (before, behind) = rest.split_once('\'').ok_or("a text has no end")?;
        content.push_str(before);
        match behind.strip_prefix('\'') {
            Some(behind) => {
                content.push('\'');
                rest = behind;
            }
            None => return Ok((Token::Text(content), behind)),
        }
    }
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let digits = text[1..].find(|character: char| !character.is_ascii_digit()).map_or(text.len(), |end| end + 1);
    let (number, rest) = text.split_at(digits);
    let parsed = number.parse().map_err(|_| format!("`{number}` is no whole number"))?;
    Ok((Token::Number(parsed), rest))
}

fn word(text: &str) -> (Token, &str) {
    let end = text.find(|character: char| !character.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (Token::Word(word.to_owned()), rest)
}
