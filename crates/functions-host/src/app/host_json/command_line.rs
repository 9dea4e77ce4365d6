//! The handler's arguments (functions-host 1.3).
//!
//! The real host joins all arguments with spaces and quotes nothing, and .NET takes the line apart again, so one entry
//! of `arguments` may become several arguments.

use crate::app::{CustomHandler, Settings};

/// The arguments of the process: expanded, joined, cleaned of unknown `%x%`, and taken apart.
pub(in crate::app) fn command_line(
    handler: &CustomHandler,
    settings: &Settings,
    worker_variables: &[(String, String)],
) -> Vec<String> {
    let mut line = String::new();
    for argument in &handler.arguments {
        line = line + " " + &expanded(argument, settings);
    }
    if let Some(path) = &handler.worker_path {
        line = format!("{line} \"{path}\"");
    }
    for argument in &handler.worker_arguments {
        line = line + " " + &expanded(argument, settings);
    }
    for (name, value) in worker_variables {
        line = line.replace(&format!("%{name}%"), value);
    }
    taken_apart(&without_variables(&line))
}

/// Replaces `%X%` by the setting; an unknown one stays.
pub(in crate::app) fn expanded(text: &str, settings: &Settings) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        expanded.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = rest[1..].find('%').map(|index| index + 1) else { break };
        match settings.get(&rest[1..end]) {
            Some(value) => {
                expanded.push_str(value);
                rest = &rest[end + 1..];
            }
            None => {
                // The closing sign may open the next name.
                expanded.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    expanded + rest
}

/// Removes every `%x%` that nothing has replaced.
fn without_variables(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('%') {
        let Some(end) = after.char_indices().skip(1).find(|(_, character)| *character == '%').map(|(end, _)| end)
        else {
            break;
        };
        kept.push_str(before);
        rest = &after[end + 1..];
    }
    kept + rest
}

/// Takes a command line apart as .NET does: spaces and tabs separate, double quotes hold together, and a backslash
/// counts only before a double quote.
fn taken_apart(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut rest = line.trim_start_matches([' ', '\t']);
    while !rest.is_empty() {
        let (argument, tail) = first_argument(rest);
        arguments.push(argument);
        rest = tail.trim_start_matches([' ', '\t']);
    }
    arguments
}

fn first_argument(line: &str) -> (String, &str) {
    let mut argument = String::new();
    let mut in_quotes = false;
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let backslashes = rest.len() - rest.trim_start_matches('\\').len();
        if backslashes > 0 && rest[backslashes..].starts_with('"') {
            argument.push_str(&"\\".repeat(backslashes / 2));
            rest = &rest[backslashes..];
            if backslashes % 2 == 1 {
                argument.push('"');
                rest = &rest[1..];
            }
            continue;
        }
        match character {
            '"' if in_quotes && rest.starts_with("\"\"") => {
                argument.push('"');
                rest = &rest[2..];
                continue;
            }
            '"' => in_quotes = !in_quotes,
            ' ' | '\t' if !in_quotes => return (argument, rest),
            other => argument.push(other),
        }
        rest = &rest[character.len_utf8()..];
    }
    (argument, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let variables = [("LEVEL", "info"), ("Spaced", "a b"), ("EMPTY", "")];
        Settings::from_variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn known_names_are_expanded_and_unknown_ones_stay() {
        for (text, expected) in [
            ("plain", "plain"),
            ("%LEVEL%", "info"),
            ("a%level%z", "ainfoz"),
            ("%LEVEL%%LEVEL%", "infoinfo"),
            ("%NOPE%", "%NOPE%"),
            ("%NOPE%LEVEL%", "%NOPEinfo"),
            ("%NOPE%x%LEVEL%", "%NOPE%xinfo"),
            ("100%", "100%"),
            ("100% of %LEVEL%", "100% of info"),
            ("%EMPTY%", ""),
            ("x%EMPTY%", "x"),
            ("%", "%"),
            ("%%", "%%"),
            ("", ""),
        ] {
            assert_eq!(expanded(text, &settings()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_left_between_signs_is_removed() {
        for (text, expected) in
            [("a %X% b", "a  b"), ("%X%", ""), ("50%", "50%"), ("%%", "%%"), ("%a%b%c%", "b"), ("%X%50%", "50%")]
        {
            assert_eq!(without_variables(text), expected, "{text}");
        }
    }

    #[test]
    fn a_line_is_taken_apart_as_dotnet_does_it() {
        for (line, expected) in [
            ("", vec![]),
            ("  a  b\tc ", vec!["a", "b", "c"]),
            ("\"a b\" c", vec!["a b", "c"]),
            ("a\"b c\"d", vec!["ab cd"]),
            (r#"a\"b"#, vec!["a\"b"]),
            (r#""a\\" b"#, vec!["a\\", "b"]),
            (r"a\b \\c", vec![r"a\b", r"\\c"]),
            (r#""a""b" c"#, vec!["a\"b", "c"]),
            ("\"\" x", vec!["", "x"]),
        ] {
            assert_eq!(taken_apart(line), expected, "{line}");
        }
    }

    #[test]
    fn arguments_are_expanded_from_settings_and_then_from_the_workers_variables() {
        let handler = CustomHandler {
            arguments: ["--port", "%FUNCTIONS_CUSTOMHANDLER_PORT%", "--level=%LEVEL%", "%NOPE%", "%Spaced%"]
                .map(str::to_owned)
                .to_vec(),
            worker_path: Some("my script.py".to_owned()),
            worker_arguments: vec!["-v".to_owned()],
            ..crate::app::host_json::tests::handler()
        };
        let variables = [("FUNCTIONS_CUSTOMHANDLER_PORT".to_owned(), "41234".to_owned())];
        let expected = ["--port", "41234", "--level=info", "a", "b", "my script.py", "-v"];
        assert_eq!(handler.command_line(&settings(), &variables), expected);
    }
}
