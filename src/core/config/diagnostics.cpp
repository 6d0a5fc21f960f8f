// The report: findings sorted by position, each with its line and a caret under the place.
#include "core/config/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace berth {
namespace {

constexpr std::size_t kTabWidth = 4;
constexpr std::size_t kLineWidth = 100;            // characters of a line that are shown
constexpr std::size_t kContext = 30;               // characters kept before the caret when a line is cut
constexpr std::size_t kFarBytes = 4 * kLineWidth;  // never shown, even where every character has four bytes
constexpr std::string_view kEllipsis = "...";

// The lines of one file, found once.
class Lines {
 public:
    explicit Lines(std::string_view text) : text_(text) {
        starts_.push_back(0);
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') starts_.push_back(i + 1);
        }
    }

    std::string_view line(std::size_t number) const {
        if (number == 0 || number > starts_.size()) return {};
        const std::size_t begin = starts_[number - 1];
        const std::size_t end = std::min(text_.find('\n', begin), text_.size());
        std::string_view line = text_.substr(begin, end - begin);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        return line;
    }

 private:
    std::string_view text_;
    std::vector<std::size_t> starts_;
};

// A line as a terminal shows it, cell by cell, and where the marked bytes are in it.
struct Shown {
    std::vector<std::string> cells;
    std::size_t caret = 0;
    std::size_t length = 1;
};

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

void append_cell(std::vector<std::string>& cells, char c) {
    if (c == '\t') {
        cells.insert(cells.end(), kTabWidth, " ");
    } else if (continues_character(c) && !cells.empty()) {
        cells.back() += c;
    } else {
        const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        cells.emplace_back(1, control ? '?' : c);
    }
}

Shown lay_out(std::string_view line, const Origin& at) {
    Shown shown;
    std::size_t first = std::min<std::size_t>(at.column == 0 ? 0 : at.column - 1, line.size());
    if (first > kFarBytes) {
        line.remove_prefix(first - kFarBytes);
        first = kFarBytes;
    }
    line = line.substr(0, first + 2 * kFarBytes);
    const std::size_t behind = first + std::max<std::size_t>(at.length, 1);
    std::size_t end = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (i == first) shown.caret = shown.cells.size();
        append_cell(shown.cells, line[i]);
        if (i < behind) end = shown.cells.size();
    }
    if (first >= line.size()) shown.caret = end = shown.cells.size();
    shown.length = end > shown.caret ? end - shown.caret : 1;
    return shown;
}

void append_line(std::string& out, std::string_view line, const Diagnostic& finding) {
    Shown shown = lay_out(line, finding.at);
    std::size_t begin = 0;
    std::size_t end = shown.cells.size();
    std::string_view before;
    std::string_view after;
    if (end > kLineWidth) {
        if (shown.caret > kLineWidth - kContext) {
            begin = shown.caret - kContext;
            before = kEllipsis;
        }
        if (end - begin > kLineWidth) {
            end = begin + kLineWidth;
            after = kEllipsis;
        }
    }
    out += fmt::format("{:5} | {}", finding.at.line, before);
    for (std::size_t i = begin; i < end; ++i) out += shown.cells[i];
    out += after;
    const std::size_t length =
        std::max<std::size_t>(1, std::min(shown.length, end - std::min(end, shown.caret)));
    out += fmt::format("\n      | {:{}}^{:~<{}}", "", shown.caret - begin + before.size(), "", length - 1);
    if (!finding.hint.empty()) out += ' ' + finding.hint;
    out += '\n';
}

std::string counted(std::size_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

void Diagnostics::error(const Origin& at, std::string message, std::string hint) {
    all_.push_back({Severity::error, at, std::move(message), std::move(hint)});
    ++errors_;
}

void Diagnostics::warning(const Origin& at, std::string message, std::string hint) {
    all_.push_back({Severity::warning, at, std::move(message), std::move(hint)});
}

std::string Diagnostics::report(std::string_view summary_file) const {
    std::map<const Source*, std::size_t> order;
    std::vector<const Diagnostic*> sorted;
    for (const Diagnostic& finding : all_) {
        order.try_emplace(finding.at.source, order.size());
        sorted.push_back(&finding);
    }
    const auto key = [&](const Diagnostic* d) {
        return std::tuple(order[d->at.source], d->at.line, d->at.column, d);
    };
    std::sort(sorted.begin(), sorted.end(),
              [&](const Diagnostic* a, const Diagnostic* b) { return key(a) < key(b); });

    std::string out;
    std::map<const Source*, Lines> lines;
    for (const Diagnostic* finding : sorted) {
        const Origin& at = finding->at;
        const bool placed = at.source != nullptr && at.line != 0;
        out += at.source != nullptr ? std::string_view(at.source->path) : summary_file;
        if (placed) out += fmt::format(":{}:{}", at.line, at.column);
        out += finding->severity == Severity::error ? ": error: " : ": warning: ";
        out += finding->message;
        if (!placed && !finding->hint.empty()) out += "; " + finding->hint;
        out += '\n';
        if (placed) {
            const Lines& text = lines.try_emplace(at.source, at.source->text).first->second;
            append_line(out, text.line(at.line), *finding);
        }
    }
    if (all_.empty()) return out;
    out += summary_file;
    out += ": ";
    const std::size_t warnings = all_.size() - errors_;
    if (errors_ != 0) out += counted(errors_, "error");
    if (errors_ != 0 && warnings != 0) out += ", ";
    if (warnings != 0) out += counted(warnings, "warning");
    if (errors_ != 0) out += "; configuration not applied";
    out += '\n';
    return out;
}

}  // namespace berth
