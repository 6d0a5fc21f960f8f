// Regex: PCRE2 patterns, compiled to machine code, with limits against patterns that explode.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.hpp"

struct pcre2_real_code_8;

namespace berth {

// Where a match and its groups lie in the subject. A plain value; views made from it live as long as the
// subject.
class Captures {
 public:
    static constexpr std::size_t kMost =
        20;  // groups that are kept, the whole match included; further ones are dropped
    static constexpr std::uint32_t kUnset = 0xffffffff;

    std::size_t count() const noexcept { return count_; }  // groups of the pattern + 1, at most kMost
    // Group `index` (0: the whole match) in the subject it was matched against; empty when the group took no
    // part.
    std::string_view group(std::string_view subject, std::size_t index) const noexcept {
        if (!matched(index)) return {};
        return subject.substr(spans_[index].first, spans_[index].second - spans_[index].first);
    }
    bool matched(std::size_t index) const noexcept { return index < count_ && spans_[index].first != kUnset; }
    std::pair<std::uint32_t, std::uint32_t> span(std::size_t index) const noexcept { return spans_[index]; }

 private:
    friend class Regex;
    std::array<std::pair<std::uint32_t, std::uint32_t>, kMost>
        spans_{};  // [begin, end); kUnset: took no part
    std::size_t count_ = 0;
};

// Immutable after compile() and usable from every thread; what matching needs is reused per thread.
class Regex {
 public:
    // Of one match; one that would exceed them counts as not matching, and as `limited`. Depth and heap
    // matter only without machine code.
    struct Limits {
        std::uint32_t match = 1'000'000;  // steps
        std::uint32_t depth = 10'000;
        std::uint32_t heap_kib = 4096;
    };
    struct Options {
        bool ignore_case = false;
        bool multiline = false;
        bool jit = true;  // compiled to machine code where PCRE2 can
        Limits limits{};
    };
    struct Name {
        std::string name;
        unsigned group;
    };

    enum class Outcome { no, yes, limited };

    // An error names the pattern and the offset: 'pcre2_compile() failed: missing ) in "^(a" at offset 3'.
    static Result<Regex> compile(std::string_view pattern, Options options);
    static Result<Regex> compile(std::string_view pattern) { return compile(pattern, Options{}); }

    Regex(Regex&&) noexcept;
    Regex& operator=(Regex&&) noexcept;
    ~Regex();

    // Unanchored. `captures` is written only when it matches. Subjects of 4 GiB and more never match.
    Outcome match(std::string_view subject, Captures& captures, std::size_t start = 0) const noexcept;
    bool matches(std::string_view subject) const noexcept;

    const std::string& pattern() const noexcept { return pattern_; }
    unsigned groups() const noexcept { return groups_; }  // without the whole match
    const std::vector<Name>& names() const noexcept { return names_; }
    bool jit() const noexcept { return jit_; }

 private:
    struct FreeCode {
        void operator()(pcre2_real_code_8* code) const noexcept;
    };
    Regex() = default;
    void read_names();

    std::unique_ptr<pcre2_real_code_8, FreeCode> code_;
    std::string pattern_;
    std::vector<Name> names_;
    unsigned groups_ = 0;
    bool jit_ = false;
    Limits limits_;
};

}  // namespace berth
