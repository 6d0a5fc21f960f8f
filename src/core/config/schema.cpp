// The schema: one definition for each block, one property for each row that may stand in it.
#include "core/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "core/config/help.hpp"
#include "core/config/include.hpp"
#include "core/text/escape.hpp"

namespace berth {
namespace {

std::string text(std::string_view raw) {
    std::string out = "\"";
    escape_json(out, raw);
    return out += '"';
}

using Members = std::vector<std::pair<std::string, std::string>>;  // names, and values that are JSON already

std::string object(const Members& members, std::string_view between = ",") {
    std::string out = "{";
    for (const auto& [name, value] : members) {
        if (out.size() > 1) out += between;
        out += text(name) + ':' + value;
    }
    return out += '}';
}

std::string array(const std::vector<std::string>& values) {
    return fmt::format("[{}]", fmt::join(values, ","));
}
std::string refer_to(std::string_view name) { return fmt::format("{{\"$ref\":\"#/definitions/{}\"}}", name); }
std::string any_of(const std::vector<std::string>& options) {
    return options.size() == 1 ? options.front() : object({{"anyOf", array(options)}});
}
std::string list_of(const std::string& item) { return object({{"type", "\"array\""}, {"items", item}}); }
std::string map_of(const std::string& value) {
    return object({{"type", "\"object\""}, {"additionalProperties", value}});
}

// "1.1" without quotes is a number to YAML's readers.
bool reads_as_number(std::string_view word) {
    return !word.empty() && word.find_first_not_of("0123456789.") == word.npos && word.front() != '.' &&
           word.back() != '.' && std::ranges::count(word, '.') <= 1;
}

class SchemaWriter {
 public:
    explicit SchemaWriter(const Grammar& grammar) : grammar_(grammar) {}

    std::string write();

 private:
    std::string block_definition(Context context) const;
    std::string definition_name(Context context) const;
    std::string row_name(const Directive& row) const;
    std::string property(const Directive& row) const;
    std::string one_block(const Directive& row) const;
    static std::string words(const Directive& row);
    static std::string described(const Directive& row, std::string schema);

    const Grammar& grammar_;
};

std::string SchemaWriter::definition_name(Context context) const {
    if (context == in_main) return "$main";
    return fmt::format("${}-{}", grammar_.block_name(context), std::countr_zero(context));
}

// Rows that stand in several blocks are defined once.
std::string SchemaWriter::row_name(const Directive& row) const {
    const auto rows = grammar_.named(row.name);
    const auto place = std::find(rows.begin(), rows.end(), &row) - rows.begin();
    return rows.size() == 1 ? std::string(row.name) : fmt::format("{}.{}", row.name, place + 1);
}

std::string SchemaWriter::described(const Directive& row, std::string schema) {
    const std::string usage = usage_text(row);
    const std::string fallback = row.default_value();
    std::string description(row.help);
    if (!usage.empty()) description += fmt::format("\n\nSyntax: {} {}", row.name, usage);
    if (!fallback.empty()) description += fmt::format("\n\nDefault: {}", fallback);
    if (schema.starts_with("{\"$ref\""))
        schema = object({{"allOf", array({schema})}});  // draft-07: $ref hides its siblings
    return fmt::format("{{\"description\":{},{}", text(description), std::string_view(schema).substr(1));
}

// The text that a row takes: what an editor can offer, or any words.
std::string SchemaWriter::words(const Directive& row) {
    if (row.kind == Kind::flag) return "{\"enum\":[true,false,\"on\",\"off\"]}";
    std::vector<std::string> choices;
    for (const std::string_view choice : row.choices) {
        choices.push_back(text(choice));
        if (reads_as_number(choice)) choices.emplace_back(choice);
    }
    if (row.kind == Kind::choice) return object({{"enum", array(choices)}});
    if (choices.empty()) return refer_to("$words");
    return any_of({object({{"enum", array(choices)}}), refer_to("$words")});
}

// One block of a row, its arguments set aside.
std::string SchemaWriter::one_block(const Directive& row) const {
    if (row.kind == Kind::data) return refer_to("$data");
    return std::has_single_bit(row.opens) ? refer_to(definition_name(row.opens))
                                          : object({{"type", "\"object\""}});
}

std::string SchemaWriter::property(const Directive& row) const {
    if (row.is_block()) {
        const std::string one = one_block(row);
        const std::string blocks = any_of({one, list_of(one)});
        if (row.arity.least == 0) return described(row, any_of({one, list_of(one)}));
        return described(row, any_of({map_of(blocks), list_of(map_of(blocks))}));
    }
    std::vector<std::string> options = {words(row)};
    if (row.arity.least == 0) options.emplace_back("{\"type\":\"null\"}");
    if (row.repeatable) {
        const std::string item = any_of({words(row), refer_to("$exact"), refer_to("$by_first")});
        options.push_back(list_of(item));
        options.push_back(refer_to("$by_first"));
    } else if (row.arity.most > 1) {
        options.push_back(refer_to("$exact"));
    }
    return described(row, any_of(options));
}

std::string SchemaWriter::block_definition(Context context) const {
    Members properties;
    Members patterns;
    std::vector<std::string_view> with_arguments;
    for (const Directive* row : grammar_.in(context)) {
        if (row->arity.most > 0 && row->is_block()) {
            const std::string one = one_block(*row);
            patterns.emplace_back(fmt::format("^{}\\s+\\S", row->name),
                                  described(*row, any_of({one, list_of(one)})));
        } else if (row->arity.most > 1) {
            with_arguments.push_back(row->name);
        }
        properties.emplace_back(row->name, refer_to(row_name(*row)));
    }
    if (!with_arguments.empty()) {
        patterns.emplace_back(fmt::format("^({})\\s+\\S", fmt::join(with_arguments, "|")), "{}");
    }
    if (context == in_main)
        patterns.emplace_back("^x-", "{\"description\":\"Ignored: a home for anchors.\"}");
    properties.emplace_back(kInclude.name, refer_to(kInclude.name));
    properties.emplace_back(
        "_", fmt::format("{{\"description\":{},\"type\":\"array\",\"items\":{}}}",
                         text("Statements in exactly this order."), refer_to(definition_name(context))));
    properties.emplace_back("<<", "{}");
    return object({{"type", "\"object\""},
                   {"properties", object(properties, ",\n")},
                   {"patternProperties", object(patterns, ",\n")},
                   {"additionalProperties", "false"}});
}

std::string SchemaWriter::write() {
    const std::string word = "{\"type\":[\"string\",\"number\",\"boolean\"]}";
    Members definitions = {
        {"$words", word},
        {"$exact", list_of(word)},
        {"$by_first", map_of(any_of({refer_to("$words"), refer_to("$exact")}))},
        {"$data", map_of(any_of({refer_to("$words"), refer_to("$exact"), "{\"type\":\"null\"}",
                                 list_of(object({{"type", "\"object\""}}))}))},
        {std::string(kInclude.name), described(kInclude, any_of({refer_to("$words"), refer_to("$exact")}))},
    };
    Context blocks = in_main;
    for (const Module* module : grammar_.modules()) {
        for (const Directive& row : module->directives) {
            blocks |= row.opens;
            definitions.emplace_back(row_name(row), property(row));
        }
    }
    for (Context block = 1; block != 0; block <<= 1) {
        if ((blocks & block) != 0) definitions.emplace_back(definition_name(block), block_definition(block));
    }
    return object({{"$schema", "\"http://json-schema.org/draft-07/schema#\""},
                   {"title", "\"Berth configuration\""},
                   {"allOf", array({refer_to("$main")})},
                   {"definitions", object(definitions, ",\n")}},
                  ",\n") +
           '\n';
}

}  // namespace

std::string json_schema(const Grammar& grammar) { return SchemaWriter(grammar).write(); }

}  // namespace berth
