//! Why an expression doesn't parse, or fails.

use std::fmt;
use std::sync::Arc;

use newel_value::{Str, Value};

use crate::text;

/// What an error says beside its code: the values its message quotes.
#[derive(Clone)]
struct Fault {
    code: &'static str,
    template: &'static str,
    position: Option<usize>,
    token: Option<Str>,
    /// By the name the template has for it. `None` prints as `undefined`.
    details: Vec<(&'static str, Option<Value>)>,
}

impl Fault {
    fn new(code: &'static str) -> Box<Self> {
        Box::new(Self { code, template: template(code), position: None, token: None, details: Vec::new() })
    }

    fn detail(&self, name: &str) -> Option<Value> {
        if name == "token" {
            return self.token.as_ref().map(|token| Value::String(Arc::clone(token)));
        }
        self.details.iter().find(|(n, _)| *n == name).and_then(|(_, value)| value.clone())
    }

    fn message(&self) -> String {
        let mut out = String::new();
        let mut rest = self.template;
        while let Some(open) = rest.find("{{") {
            out.push_str(&rest[..open]);
            let raw = rest[open..].starts_with("{{{");
            let (name_at, close) = if raw { (open + 3, "}}}") } else { (open + 2, "}}") };
            let Some(length) = rest[name_at..].find(close) else { break };
            match self.detail(&rest[name_at..name_at + length]) {
                Some(Value::String(text)) if raw => out.push_str(&text),
                Some(value) => text::write_json(&value, &mut out),
                None => out.push_str("undefined"),
            }
            rest = &rest[name_at + length + close.len()..];
        }
        out + rest
    }

    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("code", &self.code)
            .field("message", &self.message())
            .field("position", &self.position)
            .field("token", &self.token)
            .finish()
    }
}

macro_rules! error_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Box<Fault>);

        impl $name {
            pub(crate) fn new(code: &'static str) -> Self {
                Self(Fault::new(code))
            }

            pub(crate) fn with_value(self, value: Option<Value>) -> Self {
                self.with("value", value)
            }

            pub(crate) fn with(mut self, name: &'static str, value: Option<Value>) -> Self {
                self.0.details.push((name, value));
                self
            }

            pub(crate) fn with_token(mut self, token: impl Into<Str>) -> Self {
                self.0.token = Some(token.into());
                self
            }

            pub(crate) fn at(mut self, position: u32) -> Self {
                self.0.position = usize::try_from(position).ok();
                self
            }

            /// The code by which the reference implementation's documentation knows the error, such as `T2001`.
            #[must_use]
            pub fn code(&self) -> &str {
                self.0.code
            }

            /// What is wrong, in the reference implementation's words.
            #[must_use]
            pub fn message(&self) -> String {
                self.0.message()
            }

            /// The byte of the source after the token that the error is about, if it is about one.
            #[must_use]
            pub fn position(&self) -> Option<usize> {
                self.0.position
            }

            /// The operator, function or symbol that the error is about, if there is one.
            #[must_use]
            pub fn token(&self) -> Option<&str> {
                self.0.token.as_deref()
            }

            /// The value that the error is about, if it quotes one.
            #[must_use]
            pub fn value(&self) -> Option<Value> {
                self.0.detail("value")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}: {}", self.0.code, self.0.message())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($name), f)
            }
        }

        impl std::error::Error for $name {}
    };
}

error_type! {
    /// Why a text is no expression. Prints as `code: message`.
    ParseError
}

error_type! {
    /// Why evaluating an expression failed. Prints as `code: message`, as AWS quotes it.
    EvalError
}

impl EvalError {
    /// Whether the evaluation ended because its [`crate::Budget`] was spent; the code is `U1001` then.
    #[must_use]
    pub fn is_budget_exceeded(&self) -> bool {
        self.0.code == OVER_BUDGET
    }

    pub(crate) fn over(template: &'static str) -> Self {
        let mut error = Self::new(OVER_BUDGET);
        error.0.template = template;
        error
    }

    /// Adds place and name of the call or operator that failed, unless something closer to the fault has said so.
    pub(crate) fn or_at(mut self, position: u32, token: &str) -> Self {
        if self.0.position.is_none() {
            self.0.position = usize::try_from(position).ok();
        }
        if self.0.token.is_none() {
            self.0.token = Some(token.into());
        }
        self
    }
}

/// The code that the reference implementation's time and depth guard uses.
const OVER_BUDGET: &str = "U1001";
pub(crate) const OVER_STEPS: &str = "Expression evaluation takes too many steps: check for an infinite loop";
pub(crate) const OVER_BYTES: &str = "Expression evaluation takes too much memory";
pub(crate) const OVER_DEPTH: &str =
    "Expression evaluation is nested too deep: check for a non-terminating recursive function";

/// The message of each code. `{{x}}` is a detail as JSON, `{{{x}}}` one as text.
fn template(code: &str) -> &'static str {
    MESSAGES.iter().find(|(known, _)| *known == code).map_or("", |(_, message)| message)
}

#[rustfmt::skip]
const MESSAGES: &[(&str, &str)] = &[
    ("S0101", "String literal must be terminated by a matching quote"),
    ("S0102", "Number out of range: {{token}}"),
    ("S0103", "Unsupported escape sequence: \\{{token}}"),
    ("S0104", "The escape sequence \\u must be followed by 4 hex digits"),
    ("S0105", "Quoted property name must be terminated with a backquote (`)"),
    ("S0106", "Comment has no closing tag"),
    ("S0201", "Syntax error: {{token}}"),
    ("S0202", "Expected {{value}}, got {{token}}"),
    ("S0203", "Expected {{value}} before end of expression"),
    ("S0204", "Unknown operator: {{token}}"),
    ("S0205", "Unexpected token: {{token}}"),
    ("S0207", "Unexpected end of expression"),
    ("S0208", "Parameter {{value}} of function definition must be a variable name (start with $)"),
    ("S0209", "A predicate cannot follow a grouping expression in a step"),
    ("S0210", "Each step can only have one grouping expression"),
    ("S0211", "The symbol {{token}} cannot be used as a unary operator"),
    ("S0212", "The left side of := must be a variable name (start with $)"),
    ("S0213", "The literal value {{value}} cannot be used as a step within a path expression"),
    ("S0214", "The right side of {{token}} must be a variable name (start with $)"),
    ("S0215", "A context variable binding must precede any predicates on a step"),
    ("S0216", "A context variable binding must precede the 'order-by' clause on a step"),
    ("S0217", "The object representing the 'parent' cannot be derived from this expression"),
    ("S0301", "Empty regular expressions are not allowed"),
    ("S0302", "No terminating / in regular expression"),
    ("S0402", "Choice groups containing parameterized types are not supported"),
    ("S0401", "Type parameters can only be applied to functions and arrays"),
    ("T0410", "Argument {{index}} of function {{token}} does not match function signature"),
    ("T0411", "Context value is not a compatible type with argument {{index}} of function {{token}}"),
    ("T0412", "Argument {{index}} of function {{token}} must be an array of {{type}}"),
    ("D1001", "Number out of range: {{value}}"),
    ("D1002", "Cannot negate a non-numeric value: {{value}}"),
    ("T1003", "Key in object structure must evaluate to a string; got: {{value}}"),
    ("D1004", "Regular expression matches zero length string"),
    ("T1005", "Attempted to invoke a non-function. Did you mean ${{{token}}}?"),
    ("T1006", "Attempted to invoke a non-function"),
    ("T1007", "Attempted to partially apply a non-function. Did you mean ${{{token}}}?"),
    ("T1008", "Attempted to partially apply a non-function"),
    ("D1009", "Multiple key definitions evaluate to same key: {{value}}"),
    ("T1010", "The matcher function argument passed to function {{token}} does not return the correct object structure"),
    ("T2001", "The left side of the {{token}} operator must evaluate to a number"),
    ("T2002", "The right side of the {{token}} operator must evaluate to a number"),
    ("T2003", "The left side of the range operator (..) must evaluate to an integer"),
    ("T2004", "The right side of the range operator (..) must evaluate to an integer"),
    ("T2006", "The right side of the function application operator ~> must be a function"),
    ("T2007", "Type mismatch when comparing values {{value}} and {{value2}} in order-by clause"),
    ("T2008", "The expressions within an order-by clause must evaluate to numeric or string values"),
    ("T2009", "The values {{value}} and {{value2}} either side of operator {{token}} must be of the same data type"),
    ("T2010", "The expressions either side of operator {{token}} must evaluate to numeric or string values"),
    ("T2011", "The insert/update clause of the transform expression must evaluate to an object: {{value}}"),
    ("T2012", "The delete clause of the transform expression must evaluate to a string or array of strings: {{value}}"),
    ("D2014", "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {{value}}."),
    ("D3001", "Attempting to invoke string function on Infinity or NaN"),
    ("D3010", "Second argument of replace function cannot be an empty string"),
    ("D3011", "Fourth argument of replace function must evaluate to a positive number"),
    ("D3012", "Attempted to replace a matched string with a non-string value"),
    ("D3020", "Third argument of split function must evaluate to a positive number"),
    ("D3030", "Unable to cast value to a number: {{value}}"),
    ("D3040", "Third argument of match function must evaluate to a positive number"),
    ("D3050", "The second argument of reduce function must be a function with at least two arguments"),
    ("D3060", "The sqrt function cannot be applied to a negative number: {{value}}"),
    ("D3061", "The power function has resulted in a value that cannot be represented as a JSON number: base={{value}}, exponent={{exp}}"),
    ("D3070", "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function"),
    ("D3080", "The picture string must only contain a maximum of two sub-pictures"),
    ("D3081", "The sub-picture must not contain more than one instance of the 'decimal-separator' character"),
    ("D3082", "The sub-picture must not contain more than one instance of the 'percent' character"),
    ("D3083", "The sub-picture must not contain more than one instance of the 'per-mille' character"),
    ("D3084", "The sub-picture must not contain both a 'percent' and a 'per-mille' character"),
    ("D3085", "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'"),
    ("D3086", "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character"),
    ("D3087", "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character"),
    ("D3088", "The sub-picture must not contain a 'grouping-separator' at the end of the integer part"),
    ("D3089", "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character"),
    ("D3090", "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'"),
    ("D3091", "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'"),
    ("D3092", "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'"),
    ("D3093", "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'"),
    ("D3100", "The radix of the formatBase function must be between 2 and 36.  It was given {{value}}"),
    ("D3110", "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {{value}}"),
    ("D3130", "Formatting or parsing an integer as a sequence starting with {{value}} is not supported by this implementation"),
    ("D3131", "In a decimal digit pattern, all digits must be from the same decimal group"),
    ("D3132", "Unknown component specifier {{value}} in date/time picture string"),
    ("D3133", "The 'name' modifier can only be applied to months and days in the date/time picture string, not {{value}}"),
    ("D3134", "The timezone integer format specifier cannot have more than four digits"),
    ("D3135", "No matching closing bracket ']' in date/time picture string"),
    ("D3136", "The date/time picture string is missing specifiers required to parse the timestamp"),
    ("D3137", "{{{message}}}"),
    ("D3138", "The $single() function expected exactly 1 matching result.  Instead it matched more."),
    ("D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0."),
    ("D3140", "Malformed URL passed to ${{{functionName}}}(): {{value}}"),
    ("D3141", "{{{message}}}"),
    // Beyond the reference implementation: what only this one refuses.
    ("S0303", "Invalid regular expression: {{{message}}}"),
    ("S0501", "The expression is too large: {{{message}}}"),
    ("D3200", "The text given to $parse() is not JSON: {{{message}}}"),
    ("D3201", "The algorithm of the hash function must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512. Given {{value}}"),
    ("D3202", "The step of the range function must not be zero"),
    ("D3203", "The size of a partition must be a positive number. Given {{value}}"),
    ("D3204", "The time zone must be written as ±hhmm. Given {{value}}"),
];
