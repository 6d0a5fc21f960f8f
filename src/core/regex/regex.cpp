// PCRE2 with its JIT compiler.
#include "core/regex/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstring>

namespace berth {
namespace {

// What a thread needs for matching; the JIT's stack grows from 32 KiB up to 1 MiB when a pattern is deeply
// nested.
class Matcher {
 public:
    Matcher()
        : data_(pcre2_match_data_create(Captures::kMost, nullptr)),
          context_(pcre2_match_context_create(nullptr)),
          stack_(pcre2_jit_stack_create(32 * 1024, 1024 * 1024, nullptr)) {
        if (data_ == nullptr || context_ == nullptr) return;
        pcre2_jit_stack_assign(context_, nullptr, stack_);
    }
    Matcher(const Matcher&) = delete;
    Matcher& operator=(const Matcher&) = delete;
    ~Matcher() {
        pcre2_match_data_free(data_);
        pcre2_match_context_free(context_);
        pcre2_jit_stack_free(stack_);
    }

    int run(const pcre2_code* code, const Regex::Limits& limits, std::string_view subject,
            std::size_t start) noexcept {
        if (data_ == nullptr || context_ == nullptr) return PCRE2_ERROR_NOMEMORY;
        pcre2_set_match_limit(context_, limits.match);
        pcre2_set_depth_limit(context_, limits.depth);
        pcre2_set_heap_limit(context_, limits.heap_kib);
        const auto* text = reinterpret_cast<PCRE2_SPTR>(subject.data() == nullptr ? "" : subject.data());
        return pcre2_match(code, text, subject.size(), start, 0, data_, context_);
    }
    const std::size_t* offsets() const noexcept { return pcre2_get_ovector_pointer(data_); }

 private:
    pcre2_match_data* data_;
    pcre2_match_context* context_;
    pcre2_jit_stack* stack_;
};

Matcher& matcher() {
    thread_local Matcher instance;
    return instance;
}

std::string message_of(int code) {
    PCRE2_UCHAR text[256];
    pcre2_get_error_message(code, text, sizeof text);
    return reinterpret_cast<const char*>(text);
}

template <class T>
T info(const pcre2_code* code, std::uint32_t what) {
    T value{};
    pcre2_pattern_info(code, what, &value);
    return value;
}

}  // namespace

void Regex::FreeCode::operator()(pcre2_real_code_8* code) const noexcept { pcre2_code_free(code); }

Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, Options options) {
    int error = 0;
    std::size_t offset = 0;
    const std::uint32_t flags =
        (options.ignore_case ? PCRE2_CASELESS : 0) | (options.multiline ? PCRE2_MULTILINE : 0);
    Regex regex;
    regex.pattern_ = pattern;
    regex.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(regex.pattern_.data()),
                                    regex.pattern_.size(), flags, &error, &offset, nullptr));
    if (!regex.code_) {
        return Error("pcre2_compile() failed: " + message_of(error) + " in \"" + regex.pattern_ +
                     "\" at offset " + std::to_string(offset));
    }
    regex.jit_ = options.jit && pcre2_jit_compile(regex.code_.get(), PCRE2_JIT_COMPLETE) == 0;
    regex.limits_ = options.limits;
    regex.groups_ = info<std::uint32_t>(regex.code_.get(), PCRE2_INFO_CAPTURECOUNT);
    regex.read_names();
    return regex;
}

// The table has one entry a name: two bytes of group number, then the name, NUL-terminated (pcre2api(3)).
void Regex::read_names() {
    const auto count = info<std::uint32_t>(code_.get(), PCRE2_INFO_NAMECOUNT);
    const auto size = info<std::uint32_t>(code_.get(), PCRE2_INFO_NAMEENTRYSIZE);
    const auto* entry = info<const unsigned char*>(code_.get(), PCRE2_INFO_NAMETABLE);
    for (std::uint32_t i = 0; i < count; ++i, entry += size) {
        const unsigned group = entry[0] * 256u + entry[1];
        names_.push_back({reinterpret_cast<const char*>(entry + 2), group});
    }
    std::sort(names_.begin(), names_.end(), [](const Name& a, const Name& b) { return a.group < b.group; });
}

Regex::Outcome Regex::match(std::string_view subject, Captures& captures, std::size_t start) const noexcept {
    if (subject.size() >= Captures::kUnset || start > subject.size()) return Outcome::no;
    Matcher& m = matcher();
    const int found = m.run(code_.get(), limits_, subject, start);
    if (found == PCRE2_ERROR_NOMATCH) return Outcome::no;
    if (found < 0) return Outcome::limited;

    // Groups after the last one that took part are not counted in `found`, but PCRE2 sets them to unset.
    captures.count_ = std::min<std::size_t>(groups_ + 1, Captures::kMost);
    const std::size_t* offsets = m.offsets();
    for (std::size_t i = 0; i < captures.count_; ++i) {
        const std::size_t begin = offsets[2 * i];
        const std::size_t end = offsets[2 * i + 1];
        // \K can put the start of a match behind its end.
        const bool unset = begin == PCRE2_UNSET || begin > end;
        captures.spans_[i] =
            unset ? std::pair(Captures::kUnset, Captures::kUnset)
                  : std::pair(static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end));
    }
    return Outcome::yes;
}

bool Regex::matches(std::string_view subject) const noexcept {
    Captures ignored;
    return match(subject, ignored) == Outcome::yes;
}

}  // namespace berth
