// Words: how argument text is cut into words, with quotes and escapes; one set of rules for both syntaxes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth {

// Whether `{`, `}`, `;` and `#` mean something between words (nginx's syntax) or are characters like others
// (the text of a YAML scalar).
enum class Punctuation : std::uint8_t { special, ordinary };

enum class Token : std::uint8_t {
    end,  // nothing left
    word,
    semicolon,
    open_brace,
    close_brace,
    open_quote,   // error: a quote that is never closed; `begin` is where it stands
    after_quote,  // error: something sticks to a closing quote; `begin` is where that stands
};

// Cuts one text into tokens, front to back. Inside and outside quotes \" \' \\ stand for the character behind
// the backslash, \t \r \n for tab, return and newline; any other backslash stays and protects what follows. A
// quote counts only at the start of a word; `${` never opens a block.
class WordScanner {
 public:
    WordScanner(std::string_view text, Punctuation punctuation) : text_(text), punctuation_(punctuation) {}

    // Moves to the next token. After an error the scanner stands behind it and can go on.
    Token next();

    // Of the last token: its first byte, the byte behind it, quotes included.
    std::size_t begin() const noexcept { return begin_; }
    std::size_t end() const noexcept { return pos_; }
    // Token::word: the text with quotes and escapes taken off.
    const std::string& word() const noexcept { return word_; }
    bool quoted() const noexcept { return quoted_; }

 private:
    void skip_blank();
    Token quoted_word(char quote);
    Token plain_word();
    void unescape(std::string_view raw);

    std::string_view text_;
    Punctuation punctuation_;
    std::size_t pos_ = 0;
    std::size_t begin_ = 0;
    std::string word_;
    bool quoted_ = false;
    bool glued_ = false;  // the last token was a closing quote: a blank, `;`, `{` or `)` must follow
};

// The text of one word that a WordScanner reads back as `word`, quoted only where needed or when `force` says
// so.
std::string quote_word(std::string_view word, Punctuation punctuation, bool force = false);

}  // namespace berth
