// Reading match{}, and judging answers by it.
#include "modules/http/health_check/answer_match.hpp"

#include <algorithm>

#include "core/text/number.hpp"

namespace berth::http {

namespace {

constexpr std::uint64_t kLargestStatus = 999;
constexpr int kFirstGood = 200;
constexpr int kLastGood = 399;

std::optional<Regex> compile(Loader& loader, const Word& word) {
    Result<Regex> regex = loader.compile_regex(word.text);
    if (regex) return std::move(*regex);
    loader.error(word.at, regex.error().message);
    return std::nullopt;
}

void invalid(Loader& loader, const Node& test, std::string_view usage) {
    loader.error(test.at, "invalid test \"" + test.name + "\" in \"match\"",
                 "write it like this: " + std::string(usage));
}

}  // namespace

AnswerMatch AnswerMatch::successful() {
    AnswerMatch match;
    match.statuses_.push_back({false, {{kFirstGood, kLastGood}}});
    return match;
}

AnswerMatch AnswerMatch::read(Loader& loader, const Node& node) {
    AnswerMatch match;
    match.name_ = node.args[0].text;
    for (const Node& test : node.children) match.read_test(loader, test);
    return match;
}

void AnswerMatch::read_test(Loader& loader, const Node& test) {
    if (test.name == "status") return read_status(loader, test);
    if (test.name == "header") return read_header(loader, test);
    if (test.name == "body") return read_body(loader, test);
    loader.error(test.at, "unknown test \"" + test.name + "\" in \"match\"",
                 "it is one of: status header body");
}

// status 200;  status 200-399 404;  status ! 500-599;
void AnswerMatch::read_status(Loader& loader, const Node& test) {
    constexpr std::string_view kUsage = "status 200-399;  or  status ! 500;";
    Statuses statuses;
    for (std::size_t i = 0; i < test.args.size(); ++i) {
        const std::string_view text = test.args[i].text;
        if (i == 0 && text == "!") {
            statuses.negated = true;
            continue;
        }
        const std::size_t dash = text.find('-');
        const auto first = parse_unsigned(text.substr(0, dash), kLargestStatus);
        const auto last = dash == text.npos ? first : parse_unsigned(text.substr(dash + 1), kLargestStatus);
        if (!first || !last || *last < *first) return invalid(loader, test, kUsage);
        statuses.ranges.push_back({static_cast<int>(*first), static_cast<int>(*last)});
    }
    if (statuses.ranges.empty()) return invalid(loader, test, kUsage);
    statuses_.push_back(std::move(statuses));
}

// header NAME;  header ! NAME;  header NAME = VALUE;  header NAME != VALUE;  header NAME ~ REGEX;  !~
void AnswerMatch::read_header(Loader& loader, const Node& test) {
    constexpr std::string_view kUsage =
        "header Content-Type = text/html;  header X ~ \"^a\";  header X;  header ! X;";
    Field field;
    const std::vector<Word>& words = test.args;
    if (words.size() == 1) {
        field.name = words[0].text;
    } else if (words.size() == 2 && words[0].text == "!") {
        field.name = words[1].text;
        field.negated = true;
    } else if (words.size() == 3) {
        field.name = words[0].text;
        field.value = words[2].text;
        const std::string& sign = words[1].text;
        if (sign != "=" && sign != "!=" && sign != "~" && sign != "!~") return invalid(loader, test, kUsage);
        field.negated = sign.front() == '!';
        field.test = sign.back() == '=' ? Test::equals : Test::matches;
        if (field.test == Test::matches && !(field.regex = compile(loader, words[2]))) return;
    } else {
        return invalid(loader, test, kUsage);
    }
    fields_.push_back(std::move(field));
}

// body ~ REGEX;  body !~ REGEX;
void AnswerMatch::read_body(Loader& loader, const Node& test) {
    const std::vector<Word>& words = test.args;
    if (words.size() != 2 || (words[0].text != "~" && words[0].text != "!~")) {
        return invalid(loader, test, "body ~ \"welcome\";  or  body !~ \"error\";");
    }
    std::optional<Regex> regex = compile(loader, words[1]);
    if (regex) bodies_.push_back({words[0].text == "!~", std::move(*regex)});
}

bool AnswerMatch::holds(const Field& field, const ResponseHead& head, std::string_view bytes) {
    const HeaderField* found = head.fields.find(field.name, bytes);
    // What is not there equals and matches nothing.
    if (found == nullptr) return field.negated;
    const std::string_view value = found->value.in(bytes);
    switch (field.test) {
        case Test::present: return !field.negated;
        case Test::equals: return (value == field.value) != field.negated;
        case Test::matches: return field.regex->matches(value) != field.negated;
    }
    return false;
}

std::string AnswerMatch::complaint(const ResponseHead& head, std::string_view bytes,
                                   std::string_view body) const {
    for (const Statuses& statuses : statuses_) {
        const bool inside = std::ranges::any_of(statuses.ranges, [&](const Range& range) {
            return head.status >= range.first && head.status <= range.last;
        });
        if (inside == statuses.negated) return "status " + std::to_string(head.status);
    }
    for (const Field& field : fields_) {
        if (!holds(field, head, bytes)) return "header \"" + field.name + "\" does not match";
    }
    for (const Body& test : bodies_) {
        if (test.regex.matches(body) == test.negated) {
            return (test.negated ? "the body matches \"" : "the body does not match \"") +
                   test.regex.pattern() + "\"";
        }
    }
    return {};
}

}  // namespace berth::http
