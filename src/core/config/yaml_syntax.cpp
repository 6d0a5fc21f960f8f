// From YAML values to directives. The row decides: flags, repetition, blocks, free words.
#include "core/config/yaml_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/shape.hpp"
#include "core/config/words.hpp"
#include "core/config/yaml_document.hpp"
#include "core/config/yaml_text.hpp"

namespace berth {
namespace {

using Is = YamlNode::Kind;

struct Entry {
    const YamlNode* key;
    const YamlNode* value;
};

// What stands before a value: a name, and the arguments that the key carries.
struct Head {
    std::string name;
    Origin at;
    std::vector<Word> args;
};

class YamlReader {
 public:
    YamlReader(const YamlDocument& document, const Grammar& grammar, Diagnostics& diagnostics)
        : document_(document), grammar_(grammar), diagnostics_(diagnostics) {}

    void statements(const YamlNode& map, Place place, std::vector<Node>& into);

 private:
    void error(const Origin& at, std::string message, std::string hint = {}) {
        diagnostics_.error(at, std::move(message), std::move(hint));
    }
    bool spend(const YamlNode& node);
    std::vector<Entry> entries(const YamlNode& map);
    void merge(const YamlNode& from, std::vector<Entry>& into);

    void ordered(const YamlNode& list, Place place, std::vector<Node>& into);
    void data_entry(const Entry& entry, std::vector<Node>& into);
    void directive(const Entry& entry, Place place, std::vector<Node>& into);
    void unknown(const Head& head, const YamlNode& value, std::vector<Node>& into);

    void block(const Head& head, const YamlNode& value, const Shape& shape, std::vector<Node>& into);
    void blocks_by_argument(const Head& head, const YamlNode& map, const Shape& shape,
                            std::vector<Node>& into);
    void simple(const Head& head, const YamlNode& value, const Shape& shape, std::vector<Node>& into);
    void element(const Head& head, const YamlNode& value, const Shape& shape, std::vector<Node>& into);
    void by_first_argument(const Head& head, const YamlNode& map, const Shape& shape,
                           std::vector<Node>& into);
    void nothing(const Head& head, const YamlNode& null, const Shape& shape, std::vector<Node>& into);

    bool split(const YamlNode& scalar, std::vector<Word>& into);
    bool word(const YamlNode& scalar, std::string_view directive, std::vector<Word>& into);
    bool words(const YamlNode& list, std::string_view directive, std::vector<Word>& into);
    bool untagged(const YamlNode& node);
    bool head_of(const YamlNode& key, Head& head);

    const YamlDocument& document_;
    const Grammar& grammar_;
    Diagnostics& diagnostics_;
    std::size_t level_ = 0;
    std::size_t spent_ = 0;
};

bool is_blocks(const YamlNode& value) {
    return value.kind == Is::map ||
           (value.kind == Is::list && !value.items.empty() && value.items.front()->kind == Is::map);
}

Node node_of(const Head& head) {
    Node node;
    node.name = head.name;
    node.at = head.at;
    node.args = head.args;
    return node;
}

// Counts what is read. Without aliases no node is read more than a few times, so what is beyond that was
// expanded.
bool YamlReader::spend(const YamlNode& node) {
    const std::size_t limit = 4 * document_.size() + kYamlMaxExpanded;
    if (spent_ > limit) return false;
    spent_ += node.items.size() + 1;
    if (spent_ <= limit) return true;
    error(node.at, fmt::format("the aliases of this file stand for more than {} values", kYamlMaxExpanded));
    return false;
}

// The entries of a map in order, with the maps that `<<` names in its place; the map's own keys win over
// them.
std::vector<Entry> YamlReader::entries(const YamlNode& map) {
    std::vector<Entry> own;
    if (!spend(map)) return own;
    bool merges = false;
    for (std::size_t i = 0; i + 1 < map.items.size(); i += 2) {
        own.push_back({map.items[i], map.items[i + 1]});
        merges = merges || (map.items[i]->plain && map.items[i]->text == "<<");
    }
    if (!merges) return own;

    std::vector<Entry> all;
    for (const Entry& entry : own) {
        if (!entry.key->plain || entry.key->text != "<<") {
            all.push_back(entry);
            continue;
        }
        std::vector<Entry> merged;
        merge(*entry.value, merged);
        for (const Entry& candidate : merged) {
            const auto same = [&](const Entry& other) { return other.key->text == candidate.key->text; };
            if (std::none_of(own.begin(), own.end(), same) && std::none_of(all.begin(), all.end(), same)) {
                all.push_back(candidate);
            }
        }
    }
    return all;
}

void YamlReader::merge(const YamlNode& from, std::vector<Entry>& into) {
    if (from.kind == Is::map && level_ < kYamlMaxLevels) {
        ++level_;
        for (const Entry& entry : entries(from)) into.push_back(entry);
        --level_;
    } else if (from.kind == Is::list) {
        for (const YamlNode* item : from.items) {
            if (item->kind == Is::map) merge(*item, into);
        }
    } else {
        error(from.at, "\"<<\" takes a map, or a list of maps", "for example  <<: *defaults");
    }
}

void YamlReader::statements(const YamlNode& map, Place place, std::vector<Node>& into) {
    if (level_ == kYamlMaxLevels) {
        error(map.at, fmt::format("blocks are nested more than {} deep", kYamlMaxLevels));
        return;
    }
    ++level_;
    const bool top = level_ == 1 && place.context == in_main && !place.data;
    for (const Entry& entry : entries(map)) {
        if (top && entry.key->text.starts_with("x-")) continue;
        if (entry.key->plain && entry.key->text == "_") {
            ordered(*entry.value, place, into);
        } else if (place.data) {
            data_entry(entry, into);
        } else {
            directive(entry, place, into);
        }
    }
    --level_;
}

void YamlReader::ordered(const YamlNode& list, Place place, std::vector<Node>& into) {
    if (list.kind != Is::list || !spend(list)) {
        if (list.kind != Is::list) {
            error(list.at, "\"_\" takes a list of statements",
                  "for example  _: [{deny: 10.0.0.1}, {allow: all}]");
        }
        return;
    }
    for (const YamlNode* item : list.items) {
        if (item->kind == Is::map) {
            statements(*item, place, into);
        } else {
            error(item->at, "a statement in \"_\" is a map", "for example  - deny: all");
        }
    }
}

// In map{}, types{} and their like the key is one word, and only the value is text to be split.
void YamlReader::data_entry(const Entry& entry, std::vector<Node>& into) {
    Node node;
    node.name = entry.key->text;
    node.at = entry.key->at;
    const YamlNode& value = *entry.value;
    const bool several = value.kind == Is::list && node.name == "include";
    switch (value.kind) {
        case Is::null:
            if (!value.text.empty()) error(value.at, "null is no word; write it in quotes");
            break;
        case Is::scalar: split(value, node.args); break;
        case Is::list: words(value, node.name, node.args); break;
        case Is::map:
            error(value.at, fmt::format("\"{}\" stands among free words and takes no map", node.name));
            return;
    }
    if (!several) {
        into.push_back(std::move(node));
        return;
    }
    for (Word& file : node.args) into.push_back({node.name, node.at, {std::move(file)}, false, {}});
}

void YamlReader::directive(const Entry& entry, Place place, std::vector<Node>& into) {
    Head head;
    if (!head_of(*entry.key, head)) return;
    const YamlNode& value = *entry.value;
    const auto shape = shape_of(grammar_, head.name, place.context, is_blocks(value));
    if (!shape) {
        unknown(head, value, into);
    } else if (shape->is_block()) {
        block(head, value, *shape, into);
    } else {
        simple(head, value, *shape, into);
    }
}

// Whoever applies the tree says what is wrong with the name; the value of an unknown one means nothing.
void YamlReader::unknown(const Head& head, const YamlNode& value, std::vector<Node>& into) {
    Node node = node_of(head);
    node.block = is_blocks(value);
    if (value.kind == Is::scalar) split(value, node.args);
    into.push_back(std::move(node));
}

void YamlReader::block(const Head& head, const YamlNode& value, const Shape& shape, std::vector<Node>& into) {
    switch (value.kind) {
        case Is::null:
            error(head.at, fmt::format("\"{}\" is a block; an empty one is written", head.name),
                  fmt::format("write  {}: {{}}", head.name));
            return;
        case Is::scalar:
            error(value.at, fmt::format("\"{}\" is a block: a map of directives, not text", head.name));
            return;
        case Is::list:
            if (!spend(value)) return;
            for (const YamlNode* item : value.items) {
                if (item->kind == Is::map) {
                    block(head, *item, shape, into);
                } else {
                    error(item->at,
                          fmt::format("\"{}\" is a block: each element is a map of directives", head.name));
                }
            }
            return;
        case Is::map: break;
    }
    if (head.args.empty() && shape.arity.least > 0) {
        blocks_by_argument(head, value, shape, into);
        return;
    }
    Node node = node_of(head);
    node.block = true;
    statements(value, shape.inside, node.children);
    into.push_back(std::move(node));
}

// location: {/a: {…}, "= /b": {…}}
void YamlReader::blocks_by_argument(const Head& head, const YamlNode& map, const Shape& shape,
                                    std::vector<Node>& into) {
    for (const Entry& entry : entries(map)) {
        Head full{head.name, entry.key->at, {}};
        if (!split(*entry.key, full.args)) continue;
        const bool list = entry.value->kind == Is::list;
        if (entry.value->kind != Is::map && !list) {
            error(entry.key->at, fmt::format("\"{}\" needs its arguments before its directives", head.name),
                  fmt::format("write  {} ARGUMENTS: {{...}}", head.name));
            continue;
        }
        if (full.args.empty()) {
            error(entry.key->at, fmt::format("\"{}\" has no arguments here", head.name));
            continue;
        }
        block(full, *entry.value, shape, into);
    }
}

void YamlReader::simple(const Head& head, const YamlNode& value, const Shape& shape,
                        std::vector<Node>& into) {
    if (value.kind != Is::list) {
        element(head, value, shape, into);
        return;
    }
    if (!spend(value)) return;
    if (shape.repeatable) {
        for (const YamlNode* item : value.items) element(head, *item, shape, into);
        return;
    }
    Node node = node_of(head);
    if (words(value, head.name, node.args)) into.push_back(std::move(node));
}

// One directive from one value, or several from a map.
void YamlReader::element(const Head& head, const YamlNode& value, const Shape& shape,
                         std::vector<Node>& into) {
    Node node = node_of(head);
    switch (value.kind) {
        case Is::null: nothing(head, value, shape, into); return;
        case Is::map: by_first_argument(head, value, shape, into); return;
        case Is::list:
            if (words(value, head.name, node.args)) into.push_back(std::move(node));
            return;
        case Is::scalar: break;
    }
    const bool truth = value.text == "true" || value.text == "True" || value.text == "TRUE";
    const bool falsehood = value.text == "false" || value.text == "False" || value.text == "FALSE";
    if (shape.kind == Kind::flag && value.plain && (truth || falsehood)) {
        node.args.push_back({truth ? "on" : "off", value.at, false});
        into.push_back(std::move(node));
    } else if (split(value, node.args)) {
        into.push_back(std::move(node));
    }
}

// proxy_set_header: {Host: $host, Connection: ""}
void YamlReader::by_first_argument(const Head& head, const YamlNode& map, const Shape& shape,
                                   std::vector<Node>& into) {
    if (!shape.repeatable) {
        error(map.at, fmt::format("\"{}\" is written once and takes text or a list, not a map", head.name));
        return;
    }
    for (const Entry& entry : entries(map)) {
        Node node = node_of(head);
        node.at = entry.key->at;
        if (!word(*entry.key, head.name, node.args)) continue;
        const YamlNode& value = *entry.value;
        switch (value.kind) {
            case Is::scalar:
                if (!word(value, head.name, node.args)) continue;
                break;
            case Is::list:
                if (!words(value, head.name, node.args)) continue;
                break;
            case Is::null:
                if (value.text.empty() && node.args.size() >= shape.arity.least) break;
                error(entry.key->at, fmt::format("\"{} {}\" needs a value", head.name, entry.key->text),
                      fmt::format("write  {}: \"\"  if it is to be empty", entry.key->text));
                continue;
            case Is::map:
                error(value.at,
                      fmt::format("\"{} {}\" takes text or a list, not a map", head.name, entry.key->text));
                continue;
        }
        into.push_back(std::move(node));
    }
}

void YamlReader::nothing(const Head& head, const YamlNode& null, const Shape& shape,
                         std::vector<Node>& into) {
    const bool enough = head.args.size() >= shape.arity.least;
    if (enough) {
        into.push_back(node_of(head));
        return;
    }
    if (!null.text.empty()) {
        error(null.at, fmt::format("\"{}\" needs a value, and null is none", head.name),
              fmt::format("write  {}: \"{}\"  if the word is meant", head.name, null.text));
        return;
    }
    std::string_view example = "VALUE";
    if (shape.kind == Kind::flag) example = "true";
    if (shape.kind == Kind::number) example = "1";
    if (shape.kind == Kind::size) example = "1m";
    if (shape.kind == Kind::duration) example = "30s";
    error(head.at, fmt::format("\"{}\" needs a value", head.name),
          fmt::format("write  {}: {}", head.name, example));
}

bool YamlReader::untagged(const YamlNode& node) {
    if (node.tag.empty()) return true;
    const auto trap = find_yaml_trap(document_.line(node.at.line), true);
    error(node.at, "YAML tags mean nothing here; a value that begins with \"!\" needs quotes",
          trap ? "write  " + trap->line : std::string());
    return false;
}

// Argument text to words, as nginx splits it.
bool YamlReader::split(const YamlNode& scalar, std::vector<Word>& into) {
    if (!untagged(scalar)) return false;
    if (scalar.text.empty() && !scalar.plain) {  // quotes around nothing are a word, as in nginx's syntax
        into.push_back({{}, scalar.at, true});
        return true;
    }
    WordScanner scanner(scalar.text, Punctuation::ordinary);
    bool good = true;
    for (Token token = scanner.next(); token != Token::end; token = scanner.next()) {
        Origin at = document_.inside(scalar, scanner.begin(), scanner.end() - scanner.begin());
        if (token == Token::open_quote) {
            error(at, "this quote is never closed");
            return false;
        }
        if (token == Token::after_quote) {
            error(at, fmt::format("unexpected \"{}\" behind a closing quote", scanner.word()),
                  "put a space between them, or the quotes around the whole word");
            good = false;
            continue;
        }
        into.push_back({scanner.word(), at, scanner.quoted()});
    }
    if (!into.empty() && !into.back().quoted && into.back().text.ends_with(';')) {
        Origin at = into.back().at;
        if (at.length == into.back().text.size()) at.column += at.length - 1;
        at.length = 1;
        error(at, "YAML statements do not end in \";\"", "remove it, or quote the word");
        good = false;
    }
    return good;
}

// A scalar that is one word as it stands.
bool YamlReader::word(const YamlNode& scalar, std::string_view directive, std::vector<Word>& into) {
    if (scalar.kind == Is::list || scalar.kind == Is::map) {
        error(scalar.at, fmt::format("an argument of \"{}\" is text, not a {}", directive,
                                     scalar.kind == Is::list ? "list" : "map"));
        return false;
    }
    if (scalar.kind == Is::null) {
        error(scalar.at, fmt::format("null is no argument of \"{}\"", directive),
              fmt::format("write \"{}\" in quotes if that is meant", scalar.text));
        return false;
    }
    if (!untagged(scalar)) return false;
    into.push_back({scalar.text, scalar.at, !scalar.plain});
    return true;
}

bool YamlReader::words(const YamlNode& list, std::string_view directive, std::vector<Word>& into) {
    if (!spend(list)) return false;
    bool good = true;
    for (const YamlNode* item : list.items) good = word(*item, directive, into) && good;
    return good;
}

bool YamlReader::head_of(const YamlNode& key, Head& head) {
    std::vector<Word> words;
    if (!split(key, words)) return false;
    if (words.empty() || words.front().text.empty()) {
        error(key.at, "a directive's name is missing");
        return false;
    }
    head.name = std::move(words.front().text);
    head.at = words.front().at;
    head.args.assign(std::make_move_iterator(words.begin() + 1), std::make_move_iterator(words.end()));
    return true;
}

}  // namespace

void parse_yaml(const Source& source, const Grammar& grammar, Place place, std::vector<Node>& into,
                Diagnostics& diagnostics) {
    const YamlDocument document(source, diagnostics);
    const YamlNode* root = document.root();
    if (root == nullptr || root->kind == Is::null) return;
    if (root->kind != Is::map) {
        diagnostics.error(root->at, "a configuration is a map of directives",
                          "for example  worker_processes: auto");
        return;
    }
    YamlReader(document, grammar, diagnostics).statements(*root, place, into);
}

}  // namespace berth
