use super::*;

/// Whether ada (connection `c1`, in `g` and `h`) and somebody anonymous (`c2`, in no group) match.
#[track_caller]
fn check(filter: &str, ada: bool, anonymous: bool) {
    let groups = ["g".to_owned(), "h".to_owned()];
    let found = Filter::parse(filter).unwrap_or_else(|invalid| panic!("{filter}: {}", invalid.message));
    let matches = |connection_id, user_id, groups| found.matches(&Candidate { connection_id, user_id, groups });
    assert_eq!((matches("c1", Some("ada"), &groups), matches("c2", None, &[])), (ada, anonymous), "{filter}");
}

#[test]
fn the_example_of_the_description() {
    check("startswith(userId, 'ad')", true, false);
    check("startswith(userId,'listener-')", false, false);
}

#[test]
fn connections_are_compared() {
    check("userId eq 'ada'", true, false);
    check("userId eq 'Ada'", false, false);
    check("userId ne 'ada'", false, true);
    check("userId eq null", false, true);
    check("null ne userId", true, false);
    check("connectionId eq 'c2'", false, true);
    check("connectionId gt 'c1'", false, true);
    check("connectionId ge 'c1'", true, true);
    check("userId lt 'b'", true, false);
    check("userId le 'a'", false, false);
    check("length(userId) eq 3", true, false);
    check("length(connectionId) gt -1", true, true);
    check("userId in ('eve', 'ada')", true, false);
    check("connectionId in ('c2')", false, true);
    check("userId in ('eve', null)", false, true);
}

#[test]
fn groups_are_looked_into() {
    check("'g' in groups", true, false);
    check("not('g' in groups)", false, true);
    check("concat('', 'h') in groups", true, false);
    check("userId in groups", false, false);
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    check("userId eq 'ada' or connectionId eq 'c2' and false", true, false);
    check("(userId eq 'ada' or connectionId eq 'c2') and true", true, true);
    check("not userId eq 'ada' and true", false, true);
    check("not (not (true))", true, true);
    check("false", false, false);
}

#[test]
fn texts_are_worked_on_and_nothing_comes_of_null() {
    check("endswith(userId, 'da') and contains(userId, 'd')", true, false);
    check("toupper(userId) eq 'ADA' and tolower('ADA') eq userId", true, false);
    check("trim('  ada ') eq userId", true, false);
    check("concat(userId, '!') eq 'ada!'", true, false);
    check("concat(userId, '!') eq null", false, true);
    check("substring(userId, 1) eq 'da'", true, false);
    check("substring(userId, 1, 1) eq 'd'", true, false);
    check("substring(userId, 7) eq ''", true, false);
    check("substring(userId, -1) eq null", true, true);
    check("indexof(userId, 'a') eq 0 and indexof(userId, 'x') eq -1", true, false);
    check("length('\u{1f980}é') eq 3", true, true);
    check("indexof('\u{1f980}é', 'é') eq 2", true, true);
    check("'it''s' eq 'it''s'", true, true);
}

#[track_caller]
fn check_refused(filter: &str, complaint: &str) {
    let refused = Filter::parse(filter).expect_err(filter);
    assert_eq!(refused.parameter, "filter");
    assert_eq!(refused.message, format!("The filter is not valid: {complaint}."), "{filter}");
}

#[test]
fn what_is_no_filter_is_told() {
    check_refused("", "it ends too early");
    check_refused("userId", "an operator is missing in front of the end");
    check_refused("userId eq", "it ends too early");
    check_refused("userId eq 'ada' x", "`x` is not expected");
    check_refused("UserId eq 'ada'", "`UserId` is not expected");
    check_refused("role eq 'admin'", "`role` is not expected");
    check_refused("userId == 'ada'", "`=` means nothing");
    check_refused("userId eq 'ada", "a text has no end");
    check_refused("userId eq 3", "a text is compared with a number");
    check_refused("length(userId) eq 'x'", "a text is compared with a number");
    check_refused("startswith(userId)", "`,` is missing in front of `)`");
    check_refused("startswith(userId, 3)", "a number stands where a text has to be");
    check_refused("substring(userId, 'x') eq 'a'", "a text stands where a number has to be");
    check_refused("(true", "`)` is missing in front of the end");
    check_refused("length(userId) eq 99999999999999999999", "`99999999999999999999` is no whole number");
    check_refused("3 in groups", "a number stands where a text has to be");
    check_refused("'g' in Groups", "`(` is missing in front of `Groups`");
    check_refused(&"(".repeat(10_000), "it is nested too deeply");
    check_refused(&"not ".repeat(10_000), "it is nested too deeply");
    check_refused(&"tolower(".repeat(10_000), "it is nested too deeply");
}
