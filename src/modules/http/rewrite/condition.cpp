// Reading and testing the conditions of `if`.
#include "modules/http/rewrite/condition.hpp"

#include "core/config/loader.hpp"
#include "core/value/truth.hpp"

namespace berth::http {

namespace {

// The words between the parentheses, which may stick to the first and the last of them.
std::optional<std::vector<Word>> without_parentheses(Loader& loader, const Node& node) {
    std::vector<Word> words = node.args;
    if (words.front().quoted || !words.front().text.starts_with('(') || words.back().quoted ||
        !words.back().text.ends_with(')')) {
        loader.error(words.front().at, "the condition of \"if\" is not in parentheses",
                     "write if ($variable = text) { … }");
        return std::nullopt;
    }
    words.back().text.pop_back();
    words.front().text.erase(0, 1);
    if (words.back().text.empty()) words.pop_back();
    if (!words.empty() && !words.front().quoted && words.front().text.empty()) words.erase(words.begin());
    if (!words.empty()) return words;
    loader.error(node.at, "the condition of \"if\" is empty");
    return std::nullopt;
}

bool is_variable(const Word& word) { return word.text.size() > 1 && word.text[0] == '$'; }

std::optional<Condition::Kind> file_test(std::string_view word) {
    if (word == "-f") return Condition::Kind::file;
    if (word == "-d") return Condition::Kind::folder;
    if (word == "-e") return Condition::Kind::exists;
    if (word == "-x") return Condition::Kind::executable;
    return std::nullopt;
}

// The operator in the middle of `$x OP text`.
bool read_operator(Loader& loader, const std::vector<Word>& words, Condition& condition) {
    std::string_view sign = words[1].text;
    if (sign.starts_with('!')) {
        condition.negated = true;
        sign.remove_prefix(1);
    }
    if (sign == "=" || (sign == "==" && !condition.negated)) {
        condition.kind = Condition::Kind::equal;
        condition.operand = loader.compile(words[2]);
        return sign == "=";
    }
    condition.kind = Condition::Kind::match;
    if (sign != "~" && sign != "~*") return false;
    Regex::Options options;
    options.ignore_case = sign == "~*";
    condition.pattern = Pattern::compile(loader, words[2].text, words[2].at, options);
    return true;
}

}  // namespace

std::optional<Condition> Condition::parse(Loader& loader, const Node& node) {
    const auto words = without_parentheses(loader, node);
    if (!words) return std::nullopt;
    Condition condition;
    if (words->size() == 2) {
        std::string_view test = (*words)[0].text;
        condition.negated = test.starts_with('!');
        if (condition.negated) test.remove_prefix(1);
        const auto kind = file_test(test);
        if (!kind) {
            loader.error((*words)[0].at, "invalid condition \"" + (*words)[0].text + "\"",
                         "a test of a file is -f, -d, -e or -x, with ! before it to negate it");
            return std::nullopt;
        }
        condition.kind = *kind;
        condition.subject = loader.compile((*words)[1]);
        return condition;
    }
    if (!is_variable((*words)[0]) || words->size() > 3) {
        loader.error((*words)[0].at, "invalid condition \"" + (*words)[0].text + "\"",
                     "it is one variable, a comparison ($x = text, !=, ~, ~*, !~, !~*), or a test of a file");
        return std::nullopt;
    }
    condition.subject = loader.compile((*words)[0]);
    if (words->size() == 1) return condition;
    if (!read_operator(loader, *words, condition)) {
        loader.error((*words)[1].at, "unexpected \"" + (*words)[1].text + "\" in condition",
                     "comparisons are =, !=, ~, ~*, !~ and !~*");
        return std::nullopt;
    }
    if (condition.kind == Kind::match && !condition.pattern) return std::nullopt;
    return condition;
}

bool Condition::holds(VariableHost& host) const {
    const std::string_view text = subject.eval(host);
    switch (kind) {
        case Kind::truthy: return is_true(text);
        case Kind::equal: return (text == operand.eval(host)) != negated;
        case Kind::match: return pattern->match(host, text) != negated;
        default: return false;
    }
}

bool Condition::holds_for(const struct stat* status) const noexcept {
    if (status == nullptr) return negated;
    switch (kind) {
        case Kind::file: return S_ISREG(status->st_mode) != negated;
        case Kind::folder: return S_ISDIR(status->st_mode) != negated;
        // As nginx: what its owner may execute. For a folder that means entering it.
        case Kind::executable: return ((status->st_mode & S_IXUSR) != 0) != negated;
        default: return !negated;
    }
}

}  // namespace berth::http
