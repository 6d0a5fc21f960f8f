// Cutting text into words, and quoting words so that they are cut the same way again.
#include "core/config/words.hpp"

namespace berth {
namespace {

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// What a backslash before `c` turns into; 0 when the backslash stays.
constexpr char escaped(char c) {
    switch (c) {
        case '"':
        case '\'':
        case '\\': return c;
        case 't': return '\t';
        case 'r': return '\r';
        case 'n': return '\n';
        default: return 0;
    }
}

bool brace_needs_quotes(std::string_view word) {
    if (word.find('{') == std::string_view::npos) return false;
    if (word.find('\\') != std::string_view::npos) return true;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] == '{' && (i == 0 || word[i - 1] != '$')) return true;
    }
    return false;
}

bool needs_quotes(std::string_view word, Punctuation punctuation) {
    if (word.empty() || word.front() == '"' || word.front() == '\'') return true;
    for (const char c : word) {
        if (is_blank(c)) return true;
    }
    if (punctuation == Punctuation::ordinary) return word.back() == ';';
    return word.front() == '#' || word.front() == '}' || word.find(';') != std::string_view::npos ||
           brace_needs_quotes(word);
}

}  // namespace

void WordScanner::skip_blank() {
    while (pos_ < text_.size()) {
        if (is_blank(text_[pos_])) {
            ++pos_;
        } else if (punctuation_ == Punctuation::special && text_[pos_] == '#') {
            const std::size_t line_end = text_.find('\n', pos_);
            pos_ = line_end == std::string_view::npos ? text_.size() : line_end;
        } else {
            return;
        }
    }
}

Token WordScanner::next() {
    const bool special = punctuation_ == Punctuation::special;
    if (glued_ && pos_ < text_.size()) {
        glued_ = false;
        const char c = text_[pos_];
        const bool closes = c == ')' || (special && (c == ';' || c == '{' || c == '}'));
        if (!is_blank(c) && !closes) {
            begin_ = pos_;
            plain_word();
            return Token::after_quote;
        }
    }
    skip_blank();
    begin_ = pos_;
    quoted_ = false;
    if (pos_ == text_.size()) return Token::end;
    const char c = text_[pos_];
    if (special && (c == ';' || c == '{' || c == '}')) {
        ++pos_;
        return c == ';' ? Token::semicolon : c == '{' ? Token::open_brace : Token::close_brace;
    }
    if (c == '"' || c == '\'') return quoted_word(c);
    return plain_word();
}

Token WordScanner::quoted_word(char quote) {
    quoted_ = true;
    const std::size_t first = ++pos_;
    while (pos_ < text_.size() && text_[pos_] != quote) pos_ += text_[pos_] == '\\' ? 2 : 1;
    if (pos_ >= text_.size()) {
        pos_ = text_.size();
        return Token::open_quote;
    }
    unescape(text_.substr(first, pos_ - first));
    ++pos_;
    glued_ = true;
    return Token::word;
}

Token WordScanner::plain_word() {
    const std::size_t first = pos_;
    const bool special = punctuation_ == Punctuation::special;
    bool dollar = false;
    while (pos_ < text_.size()) {
        const char c = text_[pos_];
        if (is_blank(c) || (special && (c == ';' || (c == '{' && !dollar)))) break;
        dollar = c == '$';
        pos_ += c == '\\' ? 2 : 1;
    }
    if (pos_ > text_.size()) pos_ = text_.size();
    unescape(text_.substr(first, pos_ - first));
    return Token::word;
}

void WordScanner::unescape(std::string_view raw) {
    word_.clear();
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const char meant = raw[i] == '\\' && i + 1 < raw.size() ? escaped(raw[i + 1]) : '\0';
        word_ += meant != 0 ? meant : raw[i];
        if (meant != 0) ++i;
    }
}

std::string quote_word(std::string_view word, Punctuation punctuation, bool force) {
    char quote = 0;
    if (force || needs_quotes(word, punctuation)) {
        const bool double_inside = word.find('"') != std::string_view::npos;
        quote = double_inside && word.find('\'') == std::string_view::npos ? '\'' : '"';
    }
    std::string out;
    if (quote != 0) out += quote;
    for (std::size_t i = 0; i < word.size(); ++i) {
        const char c = word[i];
        const bool backslash_would_act =
            i + 1 == word.size() || escaped(word[i + 1]) != 0 || is_blank(word[i + 1]);
        if (c == '\n' || c == '\r' || c == '\t') {
            out += '\\';
            out += c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
            continue;
        }
        if ((c == '\\' && backslash_would_act) || (quote != 0 && c == quote)) out += '\\';
        out += c;
    }
    if (quote != 0) out += quote;
    return out;
}

}  // namespace berth
