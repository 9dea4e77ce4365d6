//! Templates, paths and the choice among routes.

use super::*;
use crate::app::{AuthLevel, HttpTrigger};

/// `expected` lists the values as `name=value`, `name` for a missing one; `None` means no match.
#[track_caller]
fn check(template: &str, path: &str, expected: Option<&[&str]>) {
    let values = RouteTemplate::parse(template).expect(template).matches(path);
    let values = values.map(|values| {
        let text =
            |(name, value): (String, Option<String>)| value.map_or(name.clone(), |value| format!("{name}={value}"));
        values.into_iter().map(text).collect::<Vec<_>>()
    });
    let expected = expected.map(|expected| expected.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    assert_eq!(values, expected, "{template} on {path}");
}

#[track_caller]
fn refuses(template: &str, expected: &str) {
    let error = RouteTemplate::parse(template).expect_err(template).to_string();
    assert!(error.starts_with(expected), "{template}: {error}");
}

#[test]
fn literals_match_without_regard_to_case() {
    check("negotiate", "negotiate", Some(&[]));
    check("negotiate", "/Negotiate/", Some(&[]));
    check("/a/B/", "A/b", Some(&[]));
    check("negotiate", "negotiate/x", None);
    check("negotiate", "", None);
    check("a/b", "a", None);
    check("a/b", "a//b", None);
    check("a/b", "a/b//", None);
    check("caf\u{e9}", "CAF%C3%89", Some(&[]));
    check("{{id}}", "%7Bid%7D", Some(&[]));
    check("", "", Some(&[]));
    check("", "x", None);
}

#[test]
fn parameters_take_one_segment() {
    check("items/{id}", "items/7", Some(&["id=7"]));
    check("items/{id}", "items/", None);
    check("items/{id}", "items/7/8", None);
    check("{a}/{b}", "x/y/", Some(&["a=x", "b=y"]));
    check("users/{userId}/messages", "users/ann/messages", Some(&["userId=ann"]));
    check("users/{userId}/messages", "users//messages", None);
}

#[test]
fn values_are_decoded_after_the_path_is_split() {
    check("items/{id}", "items/a%20b", Some(&["id=a b"]));
    check("items/{id}", "items/a%2Fb", Some(&["id=a%2Fb"]));
    check("items/{id}", "items/a%2fb", Some(&["id=a%2fb"]));
    check("items/{id}", "items/%E2%82%AC", Some(&["id=\u{20ac}"]));
    check("items/{id}", "items/100%", Some(&["id=100%"]));
    check("items/{id}", "items/%FF", Some(&["id=%FF"]));
    check("items/{id}", "items/a+b", Some(&["id=a+b"]));
}

#[test]
fn optional_parameters_and_defaults_may_be_missing() {
    check("items/{id?}", "items", Some(&["id"]));
    check("items/{id?}", "items/7", Some(&["id=7"]));
    check("items/{id:int?}", "items", Some(&["id"]));
    check("items/{id:int?}", "items/x", None);
    check("items/{id=5}", "items", Some(&["id=5"]));
    check("items/{id=5}", "items/7", Some(&["id=7"]));
    check("items/{id:int=5}", "items", Some(&["id=5"]));
    check("{a=1}/{b=2}", "", Some(&["a=1", "b=2"]));
    check("{a?}/{b?}", "x", Some(&["a=x", "b"]));
    check("{a?}/end", "end", None);
    check("{a=}", "x", Some(&["a=x"]));
}

#[test]
fn a_catch_all_takes_the_rest() {
    check("files/{*rest}", "files/a/b%20c", Some(&["rest=a/b c"]));
    check("files/{**rest}", "files/a/b", Some(&["rest=a/b"]));
    check("files/{*rest}", "files", Some(&["rest"]));
    check("files/{*rest}", "files/", Some(&["rest"]));
    check("files/{*rest}", "files/a//b/", Some(&["rest=a//b/"]));
    check("files/{*rest}", "files//a", None);
    check("{*path}", "", Some(&["path"]));
    check("{*path=home}", "", Some(&["path=home"]));
    check("{*path:nonfile}", "a/b", Some(&["path=a/b"]));
    check("{*path:nonfile}", "a/b.js", None);
    check("{*path:int}", "", None);
}

#[test]
fn a_segment_may_mix_literals_and_parameters() {
    check("{name}.{extension}", "a.b.c", Some(&["name=a.b", "extension=c"]));
    check("{name}.{extension?}", "readme", Some(&["name=readme", "extension"]));
    check("{name}.{extension?}", "readme.md", Some(&["name=readme", "extension=md"]));
    check("{name}.{extension?}", "readme.", None);
    check("v{version}", "V2", Some(&["version=2"]));
    check("v{version}", "v", None);
    check("v{version}", "2", None);
    check("{a}-{b}", "x-y-z", Some(&["a=x-y", "b=z"]));
    check("{a}-{b}", "x-", None);
    check("{a}-{b}", "-x", None);
    check("{id:int}.json", "7.json", Some(&["id=7"]));
    check("{id:int}.json", "x.json", None);
    check("{id}.json", "7.jsonx", None);
    check("pre{a}mid{b}post", "pre1mid2post", Some(&["a=1", "b=2"]));
    check("pre{a}mid{b}post", "xpre1mid2post", None);
    check("{a}\u{e9}{b}", "x\u{e9}y", Some(&["a=x", "b=y"]));
}

#[test]
fn constraints_decide_whether_a_value_fits() {
    for (constraint, good, bad) in [
        ("int", "7 -7 +7 2147483647", "x 7.0 2147483648 1e3"),
        ("long", "9223372036854775807", "9223372036854775808 x"),
        ("bool", "true False TRUE", "1 yes"),
        ("alpha", "abc ABC", "a1 a-b"),
        (
            "guid",
            "eac00178-9aae-4a67-adc8-90596a9adc70 EAC001789AAE4A67ADC890596A9ADC70 {eac00178-9aae-4a67-adc8-90596a9adc70} (eac00178-9aae-4a67-adc8-90596a9adc70)",
            "x eac00178 urn:uuid:eac00178-9aae-4a67-adc8-90596a9adc70",
        ),
        ("decimal", "1 1.5 -1.5 1,000.5 .5 5. 5-", "x 1e3 1.2.3 . - ,5"),
        ("double", "1 1.5 1e3 -1E-3 NaN Infinity", "x inf 1.2.3"),
        ("float", "1.5", "x"),
        (
            "datetime",
            "2026-02-07 2026-02-07T15:00:00 2026-02-07T15:00:00Z 2026-02-07T15:00:00.123+02:00",
            "x 2026-13-01 7",
        ),
        ("length(3)", "abc", "ab abcd"),
        ("length(2,3)", "ab abc", "a abcd"),
        ("minlength(2)", "ab abc", "a"),
        ("maxlength(2)", "a ab", "abc"),
        ("min(5)", "5 6", "4 x"),
        ("max(5)", "5 -9", "6 x"),
        ("range(1,5)", "1 5", "0 6 x"),
        ("range(-5, -1)", "-5 -1", "0"),
        ("required", "x", ""),
        ("file", "a.js", "a a. .."),
        ("nonfile", "a a.", "a.js"),
        ("regex(^[a-z]{{2}}$)", "ab AB", "a abc 12"),
        (r"regex(\d+)", "x1y 7", "x"),
        (r"regex(^(a|b)-\d$)", "a-1 B-2", "c-1 a-x"),
        ("regex(x):length(1)", "x", "xx y"),
        ("INT", "7", "x"),
        ("int:min(3)", "3", "2 x"),
        ("alpha:length(2)", "ab", "a abc a1"),
    ] {
        let template = RouteTemplate::parse(&format!("{{v:{constraint}}}").replace("{{v", "{v")).expect(constraint);
        for value in good.split(' ') {
            assert!(template.matches(value).is_some(), "{constraint} allows {value}");
        }
        for value in bad.split(' ') {
            assert!(template.matches(value).is_none(), "{constraint} refuses {value}");
        }
    }
    check("{d:datetime}", "02%2F07%2F2026", None);
    check("{d:datetime}", "2026-02-07%2015:00", Some(&["d=2026-02-07 15:00"]));
    check("{s:length(2)}", "%F0%9D%84%9E", Some(&["s=\u{1d11e}"]));
}

#[test]
fn broken_templates_are_refused_in_aspnets_words() {
    refuses("a//b", "The route template separator character '/' cannot appear consecutively.");
    refuses("{id", "There is an incomplete parameter in the route template.");
    refuses("id}", "There is an incomplete parameter in the route template.");
    refuses("a{", "There is an incomplete parameter in the route template.");
    refuses("{a{b}", "In a route parameter, '{' and '}' must be escaped");
    refuses("{}", "The route parameter name '' is invalid.");
    refuses("{a*b}", "The route parameter name 'a*b' is invalid.");
    refuses("{a/b}", "The route parameter name 'a/b' is invalid.");
    refuses("{id}/{ID}", "The route parameter name 'ID' appears more than one time in the route template.");
    refuses("{a}{b}", "A path segment cannot contain two consecutive parameters.");
    refuses("{*a}/b", "A catch-all parameter can only appear as the last segment of the route template.");
    refuses("x{*a}", "A path segment that contains more than one section");
    refuses("{*a?}", "A catch-all parameter cannot be marked optional.");
    refuses("{a=1?}", "An optional parameter cannot have default value.");
    refuses("a?b", "The literal section 'a?b' is invalid.");
    refuses(
        "{a?}x",
        "An optional parameter must be at the end of the segment. In the segment '{a?}x', optional parameter 'a' is followed by 'x'.",
    );
    refuses("{a}-{b?}", "In the segment '{a}-{b?}', the optional parameter 'b' is preceded by an invalid segment '-'.");
    refuses("{a:nope}", "The constraint entry 'a' - 'nope' on the route could not be resolved");
    refuses("{a:int(3)}", "The constraint entry 'a' - 'int(3)' on the route could not be resolved");
    refuses("{a:min(x)}", "The constraint entry 'a' - 'min(x)' on the route could not be resolved");
    refuses("{a:range(5,1)}", "The value for argument 'min' should be less than or equal");
    refuses("{a:length(-1)}", "Value must be greater than or equal to 0.");
    refuses("{a:regex}", "The constraint entry 'a' - 'regex' on the route could not be resolved");
    refuses("{a:regex((?=x))}", "The regular expression '(?=x)' of the route parameter 'a' is not one");
}

fn function(name: &str, route: &str, methods: &[Method]) -> Function {
    Function {
        name: name.to_owned(),
        state: crate::app::FunctionState::Enabled,
        trigger: Trigger::Http(HttpTrigger {
            name: "req".to_owned(),
            methods: methods.to_vec(),
            route: RouteTemplate::parse(route).expect(route),
            auth_level: AuthLevel::Anonymous,
        }),
        inputs: Vec::new(),
        outputs: Vec::new(),
        retry: None,
    }
}

#[test]
fn a_request_finds_its_function_below_the_prefix() {
    let functions = [
        function("broadcast", "broadcast", &[Method::POST]),
        function("negotiate", "negotiate", &[Method::GET, Method::POST]),
        function("user", "users/{id}", &[]),
    ];
    let table = RouteTable::new("api", &functions);
    let find = |method: Method, path: &str| table.find(&method, path).map(|(index, _)| functions[index].name.clone());
    assert_eq!(find(Method::POST, "/api/broadcast").as_deref(), Some("broadcast"));
    assert_eq!(find(Method::GET, "/API/Negotiate/").as_deref(), Some("negotiate"));
    assert_eq!(find(Method::GET, "/api/broadcast"), None);
    assert_eq!(find(Method::DELETE, "/api/users/7").as_deref(), Some("user"));
    assert_eq!(find(Method::POST, "/broadcast"), None);
    assert_eq!(find(Method::POST, "//api/broadcast"), None);
    assert_eq!(find(Method::POST, "/apibroadcast"), None);
    assert_eq!(find(Method::GET, "/"), None);
}

#[test]
fn the_prefix_may_be_empty_or_have_several_segments() {
    let functions = [function("all", "{*rest}", &[])];
    let found = |prefix: &str, path: &str| RouteTable::new(prefix, &functions).find(&Method::GET, path).is_some();
    assert!(found("", "/"));
    assert!(found("", "/a/b"));
    assert!(found("v1/api", "/v1/api/a"));
    assert!(found("v1/api", "/v1/api"));
    assert!(!found("v1/api", "/v1"));
}

#[test]
fn the_first_function_by_name_that_fits_takes_the_request() {
    let functions = [
        function("a", "items/{id}", &[Method::GET]),
        function("b", "items/recent", &[]),
        function("c", "items/{id:int}/parts", &[]),
    ];
    let table = RouteTable::new("api", &functions);
    let find = |method: Method, path: &str| table.find(&method, path).map(|(index, _)| functions[index].name.clone());
    assert_eq!(find(Method::GET, "/api/items/recent").as_deref(), Some("a"));
    assert_eq!(find(Method::POST, "/api/items/recent").as_deref(), Some("b"));
    assert_eq!(find(Method::GET, "/api/items/7/parts").as_deref(), Some("c"));
    let sentences = table.hidden_routes();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(sentences[0].starts_with("Requests for the route 'items/recent' of function 'b' reach function 'a'"));
}

#[track_caller]
fn hides(earlier: &str, later: &str, expected: bool) {
    let functions = [function("a", earlier, &[]), function("b", later, &[])];
    assert_eq!(RouteTable::new("api", &functions).hidden_routes().len() == 1, expected, "{earlier} and {later}");
}

#[test]
fn only_a_less_specific_earlier_route_hides_another() {
    hides("items/{id}", "items/recent", true);
    hides("items/recent", "items/{id}", false);
    hides("{*rest}", "items/{id}", true);
    hides("items/{id}", "items/{id:int}", true);
    hides("items/{id:int}", "items/recent", false);
    hides("items/{id:int}", "items/{name}", false);
    hides("items/{id:int}", "items/{name:alpha}", false);
    hides("items/{id}", "users/{id:range(3,5)}", false);
    hides("items/{id?}", "items", true);
    hides("{x}/y", "items/{z:guid}", false);
    hides("{x}/{y}", "items/{z:guid}", true);
    hides("{x}/{y:length(4)}", "items/{z:length(4)}", true);
    hides("{name}", "{name}.json", true);
}

#[test]
fn a_huge_length_is_no_trouble() {
    hides("{x}", "{x:minlength(9223372036854775807)}", true);
}

proptest::proptest! {
    #[test]
    fn no_text_and_no_path_makes_the_matcher_fail(text in "[a-c/{}*?=:.()é𝄞1]{0,24}", path in "[a-c/.%é𝄞1]{0,24}") {
        if let Ok(template) = RouteTemplate::parse(&text) {
            let names = template.matches(&path).map(|values| values.len());
            let in_capitals = template.matches(&path.to_uppercase().replace('%', "")).map(|values| values.len());
            // As many values each time: one for every parameter.
            proptest::prop_assert!(names.is_none() || in_capitals.is_none() || names == in_capitals);
        }
    }

    #[test]
    fn a_parameter_takes_any_segment_as_it_is(value in "[a-zA-Z0-9é𝄞 ._~-]{1,12}") {
        let encoded: String = percent_encoding::utf8_percent_encode(&value, percent_encoding::NON_ALPHANUMERIC).to_string();
        let values = RouteTemplate::parse("items/{id}").unwrap().matches(&format!("items/{encoded}"));
        proptest::prop_assert_eq!(values, Some(vec![("id".to_owned(), Some(value))]));
    }
}

#[test]
fn methods_that_differ_hide_nothing() {
    let functions =
        [function("a", "items/{id}", &[Method::GET]), function("b", "items/recent", &[Method::POST, Method::PUT])];
    assert!(RouteTable::new("api", &functions).hidden_routes().is_empty());
}
