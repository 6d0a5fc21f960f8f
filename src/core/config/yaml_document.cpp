// Reading YAML twice: libyaml as the strict gate that knows all errors, yaml-cpp's events for the nodes.
#include "core/config/yaml_document.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>
#include <yaml.h>

#include <algorithm>
#include <sstream>
#include <tuple>
#include <utility>

#include "core/config/yaml_syntax.hpp"
#include "core/config/yaml_text.hpp"

namespace berth {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Origin place(const Source& source, std::size_t line, std::size_t column, std::size_t length = 1) {
    return {&source, static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(column),
            static_cast<std::uint32_t>(length)};
}

// libyaml counts characters, everything else counts bytes.
std::size_t bytes_of(std::string_view line, std::size_t characters) {
    std::size_t i = 0;
    for (; i < line.size(); ++i) {
        const bool starts = (static_cast<unsigned char>(line[i]) & 0xC0U) != 0x80U;
        if (starts && characters-- == 0) break;
    }
    return i;
}

// Owns libyaml's parser and its current event.
class Events {
 public:
    explicit Events(std::string_view text) {
        yaml_parser_initialize(&parser_);
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size());
    }
    ~Events() {
        yaml_event_delete(&event_);
        yaml_parser_delete(&parser_);
    }
    Events(const Events&) = delete;
    Events& operator=(const Events&) = delete;

    bool next() {
        yaml_event_delete(&event_);
        event_ = {};
        return yaml_parser_parse(&parser_, &event_) != 0;
    }
    const yaml_event_t& event() const { return event_; }
    const yaml_parser_t& parser() const { return parser_; }

 private:
    yaml_parser_t parser_{};
    yaml_event_t event_{};
};

}  // namespace

// Turns yaml-cpp's events into nodes. Marks count lines and columns from 0, columns in bytes.
class YamlBuilder : public YAML::EventHandler {
 public:
    YamlBuilder(YamlDocument& document, Diagnostics& diagnostics)
        : document_(document), diagnostics_(diagnostics) {}

    bool failed() const { return failed_; }

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        YamlNode& node = add(YamlNode::Kind::null, mark, "", anchor);
        node.plain = true;
        const std::string_view rest = rest_of_line(node.at);
        for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
            if (rest.starts_with(word)) node.text = word;
        }
        node.at.length = static_cast<std::uint32_t>(std::max<std::size_t>(node.text.size(), 1));
        last_null_ = &node;
        attach(node);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const YamlNode* target = anchor < anchors_.size() ? anchors_[anchor] : nullptr;
        const bool cycle = std::find(open_.begin(), open_.end(), target) != open_.end();
        if (target == nullptr || cycle) {
            diagnostics_.error(origin(mark), "this alias stands inside the value that it names");
            failed_ = true;
            target = &document_.nodes_.emplace_back();
        }
        attach(*target);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        YamlNode& node = add(YamlNode::Kind::scalar, mark, tag, anchor);
        node.text = value;
        const std::string_view rest = rest_of_line(node.at);
        node.plain = tag != "!" || rest.starts_with('|') || rest.starts_with('>');
        const std::size_t quotes = node.plain ? 0 : 2;
        const std::size_t length = std::min(value.size() + quotes, rest.size());
        node.at.length = static_cast<std::uint32_t>(std::max<std::size_t>(length, 1));
        attach(node);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open_.push_back(&attach(add(YamlNode::Kind::list, mark, tag, anchor)));
    }
    void OnSequenceEnd() override { open_.pop_back(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open_.push_back(&attach(add(YamlNode::Kind::map, mark, tag, anchor)));
    }
    void OnMapEnd() override { open_.pop_back(); }

 private:
    Origin origin(const YAML::Mark& mark) const {
        const auto line = static_cast<std::size_t>(mark.line);
        const std::size_t skipped = line == 0 ? document_.source_.text.size() - document_.text_.size() : 0;
        return place(document_.source_, line + 1, static_cast<std::size_t>(mark.column) + 1 + skipped);
    }

    std::string_view rest_of_line(const Origin& at) const {
        const std::string_view line = document_.line(at.line);
        return line.substr(std::min<std::size_t>(at.column - 1, line.size()));
    }

    YamlNode& add(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor) {
        YamlNode& node = document_.nodes_.emplace_back();
        node.kind = kind;
        node.at = origin(mark);
        if (tag != "?" && tag != "!") node.tag = tag;
        if (anchor != YAML::NullAnchor) {
            anchors_.resize(std::max<std::size_t>(anchors_.size(), anchor + 1), nullptr);
            anchors_[anchor] = &node;
        }
        return node;
    }

    // An absent value has the mark of what comes next; then that is not the null's own text.
    template <class N>
    N& attach(N& node) {
        if (last_null_ != nullptr && last_null_ != &node) {
            if (last_null_->at.line == node.at.line && last_null_->at.column == node.at.column)
                last_null_->text = {};
            last_null_ = nullptr;
        }
        if (open_.empty()) {
            document_.root_ = &node;
        } else {
            open_.back()->items.push_back(&node);
        }
        return node;
    }

    YamlDocument& document_;
    Diagnostics& diagnostics_;
    std::vector<YamlNode*> open_;
    std::vector<const YamlNode*> anchors_;
    YamlNode* last_null_ = nullptr;
    bool failed_ = false;
};

YamlDocument::YamlDocument(const Source& source, Diagnostics& diagnostics)
    : source_(source), text_(source.text) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
    if (text_.size() > kYamlMaxBytes) {
        diagnostics.error(place(source, 0, 0), fmt::format("larger than {} MiB", kYamlMaxBytes >> 20));
        return;
    }
    lines_.push_back(0);
    for (std::size_t i = 0; i < source.text.size(); ++i) {
        if (source.text[i] == '\n') lines_.push_back(i + 1);
    }
    const std::size_t before = diagnostics.errors();
    if (gate(diagnostics) && build(diagnostics)) check_keys(diagnostics);
    if (diagnostics.errors() != before) root_ = nullptr;
}

std::string_view YamlDocument::line(std::size_t number) const {
    if (number == 0 || number > lines_.size()) return {};
    const std::size_t begin = lines_[number - 1];
    const std::size_t end = number < lines_.size() ? lines_[number] - 1 : source_.text.size();
    return std::string_view(source_.text).substr(begin, end - begin);
}

std::size_t YamlDocument::offset_of(const Origin& at) const { return lines_[at.line - 1] + at.column - 1; }

Origin YamlDocument::inside(const YamlNode& scalar, std::size_t offset, std::size_t length) const {
    const std::size_t begin = offset_of(scalar.at) + (scalar.plain ? 0 : 1);
    if (std::string_view(source_.text).substr(begin, scalar.text.size()) != scalar.text) return scalar.at;
    const std::size_t at = begin + offset;
    const auto behind = std::upper_bound(lines_.begin(), lines_.end(), at);
    const auto number = static_cast<std::size_t>(behind - lines_.begin());
    return place(source_, number, at - lines_[number - 1] + 1, length);
}

// Accepts what libyaml accepts, one document of it, within the limits.
bool YamlDocument::gate(Diagnostics& diagnostics) {
    Events events(text_);
    std::size_t level = 0;
    std::size_t aliases = 0;
    std::size_t documents = 0;
    const auto origin = [&](const yaml_mark_t& mark) {
        return place(source_, mark.line + 1, bytes_of(line(mark.line + 1), mark.column) + 1);
    };
    for (;;) {
        if (!events.next()) {
            const yaml_parser_t& parser = events.parser();
            const std::string_view problem = parser.problem != nullptr ? parser.problem : "no memory";
            if (parser.error == YAML_READER_ERROR) {
                const std::size_t before = std::min<std::size_t>(parser.problem_offset, text_.size());
                const auto number =
                    std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(before), '\n');
                diagnostics.error(place(source_, static_cast<std::size_t>(number) + 1, 1),
                                  fmt::format("not a text file in UTF-8: {}", problem));
                return false;
            }
            const bool has_context = parser.context != nullptr;
            explain(origin(parser.problem_mark), has_context ? origin(parser.context_mark) : Origin{},
                    problem, diagnostics);
            return false;
        }
        const yaml_event_t& event = events.event();
        const yaml_mark_t& at = event.start_mark;
        switch (event.type) {
            case YAML_STREAM_END_EVENT: return true;
            case YAML_DOCUMENT_START_EVENT:
                if (++documents == 1) break;
                diagnostics.error(origin(at), "a second document begins here",
                                  "a configuration is one document");
                return false;
            case YAML_ALIAS_EVENT:
                if (++aliases <= kYamlMaxAliases) break;
                diagnostics.error(origin(at), fmt::format("more than {} aliases", kYamlMaxAliases));
                return false;
            case YAML_SEQUENCE_START_EVENT:
            case YAML_MAPPING_START_EVENT:
                if (++level <= kYamlMaxLevels) break;
                diagnostics.error(origin(at),
                                  fmt::format("lists and maps are nested more than {} deep", kYamlMaxLevels));
                return false;
            case YAML_SEQUENCE_END_EVENT:
            case YAML_MAPPING_END_EVENT: --level; break;
            default: break;
        }
    }
}

bool YamlDocument::build(Diagnostics& diagnostics) {
    try {
        std::istringstream stream{std::string(text_)};
        YAML::Parser parser(stream);
        YamlBuilder builder(*this, diagnostics);
        parser.HandleNextDocument(builder);
        return !builder.failed();
    } catch (const YAML::Exception& error) {
        const auto number = static_cast<std::size_t>(std::max(error.mark.line, 0)) + 1;
        const auto column = static_cast<std::size_t>(std::max(error.mark.column, 0)) + 1;
        const Origin at = place(source_, number, column);
        if (const auto trap = find_yaml_trap(line(number), true)) {
            diagnostics.error(place(source_, number, trap->column + 1, trap->length), trap->message,
                              "write  " + trap->line);
        } else {
            diagnostics.error(at, fmt::format("not YAML: {}", error.msg));
        }
        return false;
    }
}

// libyaml's complaint in words that help: tabs, quotes that never close, and the traps of plain text.
void YamlDocument::explain(const Origin& problem, const Origin& context, std::string_view what,
                           Diagnostics& diagnostics) const {
    const std::string_view text = line(problem.line);
    const std::size_t blank = std::min(text.find_first_not_of(" \t"), text.size());
    if (const std::size_t tab = text.substr(0, blank).find('\t'); tab != std::string_view::npos) {
        diagnostics.error(place(source_, problem.line, tab + 1), "a tab in the indentation",
                          "YAML takes spaces only");
        return;
    }
    // The parser often notices only on the line behind, or knows where the broken thing began.
    for (const std::size_t number :
         {std::size_t{problem.line}, std::size_t{context.line}, std::size_t{problem.line} - 1}) {
        const auto trap = find_yaml_trap(line(number), false);
        if (!trap) continue;
        diagnostics.error(place(source_, number, trap->column + 1, trap->length), trap->message,
                          "write  " + trap->line);
        return;
    }
    const std::string_view begun =
        context.source != nullptr ? line(context.line).substr(context.column - 1) : "";
    if (what.find("end of stream") != std::string_view::npos ||
        what.find("document indicator") != std::string_view::npos) {
        if (begun.starts_with('"') || begun.starts_with('\'')) {
            diagnostics.error(context, "this quote is never closed");
            return;
        }
    }
    std::string hint;
    if (context.source != nullptr && context.line != problem.line)
        hint = fmt::format("see line {}", context.line);
    if (begun.starts_with('[') || begun.starts_with('{')) {
        hint = fmt::format("\"{}\" of line {} is not closed", begun.front(), context.line);
    }
    diagnostics.error(problem, fmt::format("not YAML: {}", what), std::move(hint));
}

void YamlDocument::check_keys(Diagnostics& diagnostics) const {
    std::vector<const YamlNode*> keys;
    for (const YamlNode& node : nodes_) {
        if (node.kind != YamlNode::Kind::map) continue;
        keys.clear();
        for (std::size_t i = 0; i < node.items.size(); i += 2) {
            const YamlNode* key = node.items[i];
            if (key->kind == YamlNode::Kind::list || key->kind == YamlNode::Kind::map) {
                diagnostics.error(key->at, "a key must be text");
            } else {
                keys.push_back(key);
            }
        }
        // A quoted "_" or "<<" is a word; without quotes it is not.
        const auto identity = [](const YamlNode* key) {
            const bool special = key->plain && (key->text == "_" || key->text == "<<");
            return std::pair<std::string_view, bool>(key->text, special);
        };
        const auto order = [&](const YamlNode* key) {
            return std::tuple(identity(key), key->at.line, key->at.column);
        };
        std::sort(keys.begin(), keys.end(),
                  [&](const YamlNode* a, const YamlNode* b) { return order(a) < order(b); });
        for (std::size_t i = 1; i < keys.size(); ++i) {
            if (identity(keys[i]) != identity(keys[i - 1])) continue;
            diagnostics.error(keys[i]->at,
                              fmt::format("the key \"{}\" was written on line {} already", keys[i]->text,
                                          keys[i - 1]->at.line),
                              "write one key with a list of values");
        }
    }
}

}  // namespace berth
