//! Parses an executable document by the grammar of the specification of September 2025.
//!
//! Every recursion is bounded, so that no document can exhaust the stack.

use async_graphql::parser::types::{BaseType, OperationType, Type};
use async_graphql::{Name, Positioned};

use super::MAX_VALUE_NESTING;
use super::ast::{
    Argument, Directive, Document, Field, Fragment, Inline, Literal, Operation, Selection, Spread, Value,
    VariableDefinition,
};
use super::lexer::{Kind, Lexer, Token};
use crate::config::GraphqlLimits;
use crate::graphql::execution::problem::Rejection;

/// Maximum characters of a token in an error message.
const MAX_SHOWN: usize = 40;
/// The keywords of type system definitions, which clients cannot send.
const TYPE_SYSTEM: [&str; 9] = [
    "directive",
    "enum",
    "extend",
    "input",
    "interface",
    "scalar",
    "schema",
    "type",
    "union",
];

type Parsed<T> = Result<T, Rejection>;

pub(in crate::graphql) fn parse(text: &str, limits: &GraphqlLimits) -> Parsed<Document> {
    let mut lexer = Lexer::new(text, limits.tokens);
    let token = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        values: Nesting::new("levels of nested values", MAX_VALUE_NESTING),
        // Each field may have one inline fragment around it.
        selections: Nesting::new("levels of nested selections", limits.depth.saturating_mul(2)),
    };
    parser.document()
}

struct Nesting {
    what: &'static str,
    levels: usize,
    allowed: usize,
}

impl Nesting {
    fn new(what: &'static str, allowed: usize) -> Self {
        Self {
            what,
            levels: 0,
            allowed,
        }
    }

    fn enter(&mut self) -> Parsed<()> {
        self.levels += 1;
        if self.levels <= self.allowed {
            return Ok(());
        }
        let (what, allowed) = (self.what, self.allowed);
        Err(Rejection::limit(what, format_args!("more than {allowed}"), allowed))
    }

    fn leave(&mut self) {
        self.levels -= 1;
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    values: Nesting,
    selections: Nesting,
}

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Document> {
        let mut document = Document::default();
        loop {
            self.definition(&mut document)?;
            if self.token.kind == Kind::End {
                return Ok(document);
            }
        }
    }

    fn definition(&mut self, document: &mut Document) -> Parsed<()> {
        let is_described = self.description()?;
        let pos = self.token.pos;
        let kind = match self.token.kind {
            // The short form of a query: only a selection set.
            Kind::Punctuator('{') if !is_described => OperationType::Query,
            Kind::Name("fragment") => {
                document.fragments.push(self.fragment()?);
                return Ok(());
            }
            Kind::Name("query") => OperationType::Query,
            Kind::Name("mutation") => OperationType::Mutation,
            Kind::Name("subscription") => OperationType::Subscription,
            Kind::Name(keyword) if TYPE_SYSTEM.contains(&keyword) => {
                let message =
                    format!("expected an operation or a fragment, found a definition of the type system: {keyword}");
                return Err(Rejection::syntax(&message, pos));
            }
            _ => return Err(self.expected("an operation or a fragment")),
        };
        if self.token.kind != Kind::Punctuator('{') {
            self.advance()?;
        }
        let name = match self.token.kind {
            Kind::Name(_) => Some(self.name()?),
            _ => None,
        };
        document.operations.push(Operation {
            pos,
            kind,
            name,
            variables: self.many('(', ')', "a variable", Self::variable_definition)?,
            directives: self.directives(Self::value)?,
            selections: self.selection_set()?,
        });
        Ok(())
    }

    /// Skips a description. Returns whether there was one.
    fn description(&mut self) -> Parsed<bool> {
        let is_described = matches!(self.token.kind, Kind::String(_) | Kind::BlockString(_));
        if is_described {
            self.advance()?;
        }
        Ok(is_described)
    }

    fn fragment(&mut self) -> Parsed<Fragment> {
        self.advance()?;
        if self.token.kind == Kind::Name("on") {
            return Err(self.expected("the name of a fragment, which cannot be 'on'"));
        }
        let name = self.name()?;
        if self.token.kind != Kind::Name("on") {
            return Err(self.expected("'on' and a type"));
        }
        self.advance()?;
        Ok(Fragment {
            name,
            condition: self.name()?,
            directives: self.directives(Self::value)?,
            selections: self.selection_set()?,
        })
    }

    fn variable_definition(&mut self) -> Parsed<VariableDefinition> {
        self.description()?;
        let name = self.variable()?;
        self.expect(':')?;
        let kind = Positioned::new((), self.token.pos);
        let kind = kind.position_node(self.named_or_list_type()?);
        let default = if self.skip('=')? { Some(self.constant()?) } else { None };
        Ok(VariableDefinition {
            name,
            kind,
            default,
            directives: self.directives(Self::constant)?,
        })
    }

    fn variable(&mut self) -> Parsed<Positioned<Name>> {
        let pos = self.token.pos;
        self.expect('$')?;
        Ok(Positioned::new(self.name()?.node, pos))
    }

    fn named_or_list_type(&mut self) -> Parsed<Type> {
        let base = if self.skip('[')? {
            self.values.enter()?;
            let of = self.named_or_list_type()?;
            self.values.leave();
            self.expect(']')?;
            BaseType::List(Box::new(of))
        } else {
            BaseType::Named(self.name()?.node)
        };
        Ok(Type {
            base,
            nullable: !self.skip('!')?,
        })
    }

    fn selection_set(&mut self) -> Parsed<Vec<Selection>> {
        if self.token.kind != Kind::Punctuator('{') {
            return Err(self.expected("a selection set"));
        }
        self.selections.enter()?;
        let selections = self.many('{', '}', "a selection", Self::selection)?;
        self.selections.leave();
        Ok(selections)
    }

    fn selection(&mut self) -> Parsed<Selection> {
        if self.token.kind != Kind::Spread {
            return self.field().map(Selection::Field);
        }
        self.advance()?;
        let condition = match self.token.kind {
            Kind::Name("on") => {
                self.advance()?;
                Some(self.name()?)
            }
            Kind::Name(_) => {
                return Ok(Selection::Spread(Spread {
                    name: self.name()?,
                    directives: self.directives(Self::value)?,
                }));
            }
            _ => None,
        };
        Ok(Selection::Inline(Inline {
            condition,
            directives: self.directives(Self::value)?,
            selections: self.selection_set()?,
        }))
    }

    fn field(&mut self) -> Parsed<Field> {
        let first = self.name()?;
        let (alias, name) = if self.skip(':')? {
            (Some(first), self.name()?)
        } else {
            (None, first)
        };
        let arguments = self.many('(', ')', "an argument", |parser| parser.argument(Self::value))?;
        let directives = self.directives(Self::value)?;
        let selections = match self.token.kind {
            Kind::Punctuator('{') => self.selection_set()?,
            _ => Vec::new(),
        };
        Ok(Field {
            alias,
            name,
            arguments,
            directives,
            selections,
        })
    }

    fn directives(&mut self, value: fn(&mut Self) -> Parsed<Value>) -> Parsed<Vec<Directive>> {
        let mut directives = Vec::new();
        while self.token.kind == Kind::Punctuator('@') {
            let pos = self.token.pos;
            self.advance()?;
            directives.push(Directive {
                name: Positioned::new(self.name()?.node, pos),
                arguments: self.many('(', ')', "an argument", |parser| parser.argument(value))?,
            });
        }
        Ok(directives)
    }

    fn argument(&mut self, value: fn(&mut Self) -> Parsed<Value>) -> Parsed<Argument> {
        let name = self.name()?;
        self.expect(':')?;
        Ok(Argument {
            name,
            value: value(self)?,
        })
    }

    /// A value that can contain variables.
    fn value(&mut self) -> Parsed<Value> {
        if self.token.kind == Kind::Punctuator('$') {
            let variable = self.variable()?;
            return Ok(variable.map(Literal::Variable));
        }
        self.literal(Self::value)
    }

    /// A value without variables.
    fn constant(&mut self) -> Parsed<Value> {
        self.literal(Self::constant)
    }

    fn literal(&mut self, nested: fn(&mut Self) -> Parsed<Value>) -> Parsed<Value> {
        let pos = self.token.pos;
        let literal = match &mut self.token.kind {
            Kind::Punctuator('[') => Literal::List(self.list('[', ']', nested)?),
            Kind::Punctuator('{') => Literal::Object(self.list('{', '}', |parser| parser.argument(nested))?),
            kind => {
                let literal = match kind {
                    Kind::Int(number) => Literal::Int((*number).to_owned()),
                    Kind::Float(number) => Literal::Float((*number).to_owned()),
                    Kind::String(text) => Literal::String {
                        text: std::mem::take(text).into_owned(),
                        is_block: false,
                    },
                    Kind::BlockString(text) => Literal::String {
                        text: std::mem::take(text),
                        is_block: true,
                    },
                    Kind::Name("true") => Literal::Boolean(true),
                    Kind::Name("false") => Literal::Boolean(false),
                    Kind::Name("null") => Literal::Null,
                    Kind::Name(name) => Literal::Enum(Name::new(name)),
                    _ => return Err(self.expected("a value")),
                };
                self.advance()?;
                literal
            }
        };
        Ok(Positioned::new(literal, pos))
    }

    /// Zero or more items between two punctuators, one level deeper.
    fn list<T>(&mut self, open: char, close: char, item: impl Fn(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.values.enter()?;
        self.expect(open)?;
        let mut items = Vec::new();
        while !self.skip(close)? {
            items.push(item(self)?);
        }
        self.values.leave();
        Ok(items)
    }

    /// An optional list between two punctuators. If present, it has at least one item.
    fn many<T>(
        &mut self,
        open: char,
        close: char,
        what: &str,
        item: impl Fn(&mut Self) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        let mut items = Vec::new();
        if !self.skip(open)? {
            return Ok(items);
        }
        while items.is_empty() || !self.skip(close)? {
            if matches!(self.token.kind, Kind::End) || self.token.kind == Kind::Punctuator(close) {
                return Err(self.expected(what));
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn name(&mut self) -> Parsed<Positioned<Name>> {
        let Kind::Name(name) = self.token.kind else {
            return Err(self.expected("a name"));
        };
        let name = Positioned::new(Name::new(name), self.token.pos);
        self.advance()?;
        Ok(name)
    }

    fn expect(&mut self, punctuator: char) -> Parsed<()> {
        if self.skip(punctuator)? {
            return Ok(());
        }
        Err(self.expected(&format!("'{punctuator}'")))
    }

    /// Skips the punctuator if it is next. Returns whether it was.
    fn skip(&mut self, punctuator: char) -> Parsed<bool> {
        let is_next = self.token.kind == Kind::Punctuator(punctuator);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn advance(&mut self) -> Parsed<()> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn expected(&self, what: &str) -> Rejection {
        let found = match &self.token.kind {
            Kind::Punctuator(punctuator) => format!("'{punctuator}'"),
            Kind::Spread => "'...'".to_owned(),
            Kind::Name(text) | Kind::Int(text) | Kind::Float(text) => {
                format!("'{}'", text.chars().take(MAX_SHOWN).collect::<String>())
            }
            Kind::String(_) | Kind::BlockString(_) => "a string".to_owned(),
            Kind::End => "the end of the document".to_owned(),
        };
        Rejection::syntax(&format!("expected {what}, found {found}"), self.token.pos)
    }
}
