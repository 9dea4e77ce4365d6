//! The grammar of a filter, from its tokens to a condition. Kinds are checked here, so that evaluating cannot fail.

use super::token::Token;
use super::{Comparison, Condition, Operand};

/// How deep a filter may be nested: one that fills an address with brackets would exhaust the stack.
const DEPTH: usize = 64;

/// What an operand stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Null,
}

type Parsed<T> = Result<T, String>;

/// Reads a whole filter. An error is the complaint.
pub(super) fn condition(tokens: &[Token]) -> Parsed<Condition> {
    let mut parser = Parser { tokens, depth: 0 };
    let condition = parser.either()?;
    if parser.tokens.is_empty() { Ok(condition) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    tokens: &'a [Token],
    depth: usize,
}

impl Parser<'_> {
    fn either(&mut self) -> Parsed<Condition> {
        let mut left = self.both()?;
        while self.takes("or") {
            left = Condition::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Parsed<Condition> {
        let mut left = self.single()?;
        while self.takes("and") {
            left = Condition::And(Box::new(left), Box::new(self.single()?));
        }
        Ok(left)
    }

    fn single(&mut self) -> Parsed<Condition> {
        self.deeper(|parser| {
            if parser.takes("not") {
                return Ok(Condition::Not(Box::new(parser.single()?)));
            }
            if parser.takes_sign('(') {
                let condition = parser.either()?;
                return parser.expect(')').map(|()| condition);
            }
            match parser.word() {
                Some("true") => parser.skip_to(Condition::Always),
                Some("false") => parser.skip_to(Condition::Never),
                Some("startswith") => parser.pair_of_texts().map(|(whole, part)| Condition::StartsWith(whole, part)),
                Some("endswith") => parser.pair_of_texts().map(|(whole, part)| Condition::EndsWith(whole, part)),
                Some("contains") => parser.pair_of_texts().map(|(whole, part)| Condition::Contains(whole, part)),
                _ => parser.comparison(),
            }
        })
    }

    fn comparison(&mut self) -> Parsed<Condition> {
        let left = self.operand()?;
        if self.takes("in") {
            return self.membership(left);
        }
        let comparison = match self.word() {
            Some("eq") => Comparison::Equal,
            Some("ne") => Comparison::NotEqual,
            Some("gt") => Comparison::Greater,
            Some("ge") => Comparison::GreaterOrEqual,
            Some("lt") => Comparison::Less,
            Some("le") => Comparison::LessOrEqual,
            _ => return Err(format!("an operator is missing in front of {}", self.next_in_words())),
        };
        self.skip();
        let right = self.operand()?;
        match (kind(&left), kind(&right)) {
            (left_kind, right_kind) if left_kind == right_kind => {}
            (Kind::Null, _) | (_, Kind::Null) => {}
            _ => return Err("a text is compared with a number".to_owned()),
        }
        Ok(Condition::Compare(left, comparison, right))
    }

    /// `'name' in groups`, or `userId in ('a', 'b')`.
    fn membership(&mut self, left: Operand) -> Parsed<Condition> {
        if self.takes("groups") {
            return text(left).map(Condition::InGroups);
        }
        self.expect('(')?;
        let mut list = vec![self.operand()?];
        while self.takes_sign(',') {
            list.push(self.operand()?);
        }
        self.expect(')')?;
        Ok(Condition::OneOf(left, list))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        self.deeper(|parser| {
            let operand = match parser.tokens.first() {
                Some(Token::Text(text)) => Operand::Text(text.clone()),
                Some(Token::Number(number)) => Operand::Number(*number),
                Some(Token::Word(word)) => match word.as_str() {
                    "userId" => Operand::UserId,
                    "connectionId" => Operand::ConnectionId,
                    "null" => Operand::Null,
                    word => return parser.function(word),
                },
                _ => return Err(parser.unexpected()),
            };
            parser.skip_to(operand)
        })
    }

    fn function(&mut self, name: &str) -> Parsed<Operand> {
        match name {
            "tolower" => self.text_argument().map(Operand::Lower),
            "toupper" => self.text_argument().map(Operand::Upper),
            "trim" => self.text_argument().map(Operand::Trimmed),
            "length" => self.text_argument().map(Operand::Length),
            "concat" => self.pair_of_texts().map(|(left, right)| Operand::Joined(Box::new(left), Box::new(right))),
            "indexof" => self.pair_of_texts().map(|(whole, part)| Operand::Position(Box::new(whole), Box::new(part))),
            "substring" => self.part(),
            _ => Err(self.unexpected()),
        }
    }

    fn text_argument(&mut self) -> Parsed<Box<Operand>> {
        self.skip();
        self.expect('(')?;
        let argument = text(self.operand()?)?;
        self.expect(')').map(|()| Box::new(argument))
    }

    fn pair_of_texts(&mut self) -> Parsed<(Operand, Operand)> {
        self.skip();
        self.expect('(')?;
        let first = text(self.operand()?)?;
        self.expect(',')?;
        let second = text(self.operand()?)?;
        self.expect(')').map(|()| (first, second))
    }

    fn part(&mut self) -> Parsed<Operand> {
        self.skip();
        self.expect('(')?;
        let of = Box::new(text(self.operand()?)?);
        self.expect(',')?;
        let from = Box::new(number(self.operand()?)?);
        let length = if self.takes_sign(',') { Some(Box::new(number(self.operand()?)?)) } else { None };
        self.expect(')').map(|()| Operand::Part { of, from, length })
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn word(&self) -> Option<&str> {
        match self.tokens.first() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_there = self.word() == Some(word);
        if is_there {
            self.skip();
        }
        is_there
    }

    fn takes_sign(&mut self, sign: char) -> bool {
        let is_there = self.tokens.first() == Some(&Token::Sign(sign));
        if is_there {
            self.skip();
        }
        is_there
    }

    fn expect(&mut self, sign: char) -> Parsed<()> {
        if self.takes_sign(sign) {
            Ok(())
        } else {
            Err(format!("`{sign}` is missing in front of {}", self.next_in_words()))
        }
    }

    fn skip(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn skip_to<T>(&mut self, parsed: T) -> Parsed<T> {
        self.skip();
        Ok(parsed)
    }

    fn unexpected(&self) -> String {
        match self.tokens.first() {
            None => "it ends too early".to_owned(),
            Some(_) => format!("{} is not expected", self.next_in_words()),
        }
    }

    fn next_in_words(&self) -> String {
        match self.tokens.first() {
            None => "the end".to_owned(),
            Some(Token::Word(word)) => format!("`{word}`"),
            Some(Token::Text(text)) => format!("`'{text}'`"),
            Some(Token::Number(number)) => format!("`{number}`"),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
        }
    }
}

fn kind(operand: &Operand) -> Kind {
    match operand {
        Operand::Null => Kind::Null,
        Operand::Number(_) | Operand::Length(_) | Operand::Position(..) => Kind::Number,
        _ => Kind::Text,
    }
}

fn text(operand: Operand) -> Parsed<Operand> {
    if kind(&operand) == Kind::Number { Err("a number stands where a text has to be".to_owned()) } else { Ok(operand) }
}

fn number(operand: Operand) -> Parsed<Operand> {
    if kind(&operand) == Kind::Number { Ok(operand) } else { Err("a text stands where a number has to be".to_owned()) }
}
