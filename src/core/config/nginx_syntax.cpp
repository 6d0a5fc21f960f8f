// A recursive-descent parser of nginx's syntax that blames the line where the mistake is.
#include "core/config/nginx_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/words.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxLevels = 64;

class NginxParser {
 public:
    NginxParser(const Source& source, const Grammar& grammar, Diagnostics& diagnostics)
        : source_(source),
          grammar_(grammar),
          diagnostics_(diagnostics),
          scanner_(source.text, Punctuation::special) {
        if (source.text.starts_with("\xEF\xBB\xBF"))
            scanner_ = WordScanner(text_without_mark(), Punctuation::special);
    }

    // Statements up to the `}` of `opener`, or to the end of the file when there is none.
    void statements(std::vector<Node>& into, Place place, const Node* opener);

 private:
    std::string_view text_without_mark() {
        skipped_ = 3;
        return std::string_view(source_.text).substr(3);
    }

    Token advance();
    Origin here();
    void statement(std::vector<Node>& into, Place place);
    bool arguments(Node& node, Place place);
    void block(Node& node, Place place);
    bool starts_next_statement(const Node& node, Place place);
    void not_terminated(const Node& node);
    void bad_token(Token token);
    bool take_repetition();

    const Source& source_;
    const Grammar& grammar_;
    Diagnostics& diagnostics_;
    WordScanner scanner_;
    std::size_t skipped_ = 0;  // bytes before the scanner's text: a byte order mark
    Token token_ = Token::end;
    std::size_t level_ = 0;
    bool gave_up_ = false;
    bool held_ = false;  // token_ is to be read again
    std::size_t line_ = 1;
    std::size_t line_start_ = 0;
    std::size_t counted_ = 0;  // lines are counted up to this byte
};

Token NginxParser::advance() {
    if (!held_) token_ = scanner_.next();
    held_ = false;
    return token_;
}

// Where the current token stands. Tokens come in order, so lines are counted once.
Origin NginxParser::here() {
    const std::size_t begin = scanner_.begin() + skipped_;
    for (; counted_ < begin; ++counted_) {
        if (source_.text[counted_] != '\n') continue;
        ++line_;
        line_start_ = counted_ + 1;
    }
    return {&source_, static_cast<std::uint32_t>(line_), static_cast<std::uint32_t>(begin - line_start_ + 1),
            static_cast<std::uint32_t>(scanner_.end() + skipped_ - begin)};
}

void NginxParser::statements(std::vector<Node>& into, Place place, const Node* opener) {
    for (;;) {
        switch (advance()) {
            case Token::end:
                if (opener != nullptr && !gave_up_) {
                    diagnostics_.error(opener->at, fmt::format("block \"{}\" is never closed", opener->name),
                                       "its \"}\" is missing");
                }
                return;
            case Token::close_brace:
                if (opener != nullptr) return;
                diagnostics_.error(here(), "unexpected \"}\"", "no block is open here");
                break;
            case Token::word: statement(into, place); break;
            default: bad_token(token_); break;
        }
    }
}

void NginxParser::statement(std::vector<Node>& into, Place place) {
    Node node;
    node.name = scanner_.word();
    node.at = here();
    if (arguments(node, place)) block(node, place);
    into.push_back(std::move(node));
}

// Reads up to the end of the statement; true when a block follows.
bool NginxParser::arguments(Node& node, Place place) {
    for (;;) {
        switch (advance()) {
            case Token::semicolon: return false;
            case Token::open_brace:
                if (!take_repetition()) return true;
                break;
            case Token::word:
                if (!starts_next_statement(node, place)) {
                    node.args.push_back({scanner_.word(), here(), scanner_.quoted()});
                    break;
                }
                [[fallthrough]];
            case Token::end:
            case Token::close_brace:
                not_terminated(node);
                held_ = true;
                return false;
            default: bad_token(token_); break;
        }
    }
}

// "/a{2}": a word ends at its brace, but what has a number in it begins no block: it is of a regular
// expression, which was to stand in quotes. Takes it and what is left of the word.
bool NginxParser::take_repetition() {
    const std::string_view text = std::string_view(source_.text).substr(skipped_);
    const std::size_t brace = scanner_.begin();
    if (brace == 0 || text[brace - 1] == ' ' || text[brace - 1] == '\t' || text[brace - 1] == '\n')
        return false;
    const std::size_t after = text.find_first_not_of("0123456789,", brace + 1);
    if (after == text.npos || after == brace + 1 || text[after] != '}') return false;
    Origin at = here();
    const std::string_view repetition = text.substr(brace, after + 1 - brace);
    at.length = static_cast<std::uint32_t>(repetition.size());
    diagnostics_.error(at, fmt::format("\"{}\" would begin a block", repetition),
                       "put the whole regular expression in quotes");
    advance();
    return true;
}

void NginxParser::block(Node& node, Place place) {
    node.block = true;
    if (level_ == kMaxLevels) {
        diagnostics_.error(node.at, fmt::format("blocks are nested more than {} deep", kMaxLevels));
        scanner_ = WordScanner({}, Punctuation::special);  // nothing behind this can be understood
        held_ = false;
        gave_up_ = true;
        return;
    }
    const Directive* row = place.data ? nullptr : grammar_.find(node.name, place.context);
    ++level_;
    statements(node.children, Grammar::inside(row), &node);
    --level_;
}

// A name that is a directive here, unquoted, first on its line and not indented deeper than the statement
// that is being read: the statement's `;` was forgotten.
bool NginxParser::starts_next_statement(const Node& node, Place place) {
    if (place.data || place.context == 0 || scanner_.quoted()) return false;
    const Origin at = here();
    if (at.line == node.at.line || at.column > node.at.column) return false;
    const std::string_view before = std::string_view(source_.text).substr(line_start_, at.column - 1);
    if (before.find_first_not_of(" \t") != std::string_view::npos) return false;
    return grammar_.find(scanner_.word(), place.context) != nullptr;
}

// Marks the statement from its name to its last word on that line.
void NginxParser::not_terminated(const Node& node) {
    Origin at = node.at;
    for (const Word& word : node.args) {
        if (word.at.line == at.line) at.length = word.at.column + word.at.length - at.column;
    }
    diagnostics_.error(at, fmt::format("directive \"{}\" is not terminated by \";\"", node.name),
                       "add \";\" at its end");
}

void NginxParser::bad_token(Token token) {
    Origin at = here();
    switch (token) {
        case Token::open_quote:
            at.length = 1;
            diagnostics_.error(at, "this quote is never closed",
                               fmt::format("its closing {} is missing",
                                           source_.text[scanner_.begin() + skipped_] == '"' ? '"' : '\''));
            break;
        case Token::after_quote:
            diagnostics_.error(at, fmt::format("unexpected \"{}\" behind a closing quote", scanner_.word()),
                               "put a space between them, or the quotes around the whole word");
            break;
        case Token::semicolon:
            diagnostics_.error(at, "unexpected \";\"", "there is nothing to end here");
            break;
        case Token::open_brace: {
            diagnostics_.error(at, "unexpected \"{\"", "a block begins with its name");
            Node nameless;
            nameless.name = "{";
            nameless.at = at;
            block(nameless, Place{0, false});
            break;
        }
        default: break;
    }
}

}  // namespace

void parse_nginx(const Source& source, const Grammar& grammar, Place place, std::vector<Node>& into,
                 Diagnostics& diagnostics) {
    NginxParser(source, grammar, diagnostics).statements(into, place, nullptr);
}

}  // namespace berth
