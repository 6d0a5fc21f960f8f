// Reads tests/data/http1.jsonl: raw HTTP/1 exchanges with the outcome they must have.
#pragma once

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <string>
#include <vector>

namespace berth::http::test {

struct Vector {
    std::string id;
    std::string via;                  // direct, proxy, both, response
    std::string raw;                  // bytes from the client
    std::string response;             // bytes from the upstream, of via=response
    std::vector<std::string> status;  // what the first answer may be: "200", "4xx", "reject", "none"
    int answers = -1;                 // exact number of answers; -1: any
    int most = -1;                    // at most so many; -1: any
    int close = -1;                   // 1: the connection must be closed; 0: it must stay; -1: either
    std::string level;                // must, should, policy
    std::size_t cut = 0;              // the first write ends here; 0: one write
    std::vector<bool> heads;          // which of the requests are HEAD
    // Through a proxy: how many requests the backend may see, and patterns of bytes, empty ones left out.
    std::size_t up_least = 0;
    std::size_t up_most = ~std::size_t{0};
    std::string sent;      // the backend must see this
    std::string sent_not;  // and not this
    std::string client;
    std::string client_not;
    bool response_close = false;
};

// Text in the file is Latin-1 in escapes; the reader hands it out as UTF-8.
inline std::string latin1(const std::string& utf8) {
    std::string out;
    for (std::size_t i = 0; i < utf8.size(); ++i) {
        const auto c = static_cast<unsigned char>(utf8[i]);
        if (c < 0x80) {
            out.push_back(utf8[i]);
        } else {
            out.push_back(
                static_cast<char>((c & 0x03) << 6 | (static_cast<unsigned char>(utf8[++i]) & 0x3f)));
        }
    }
    return out;
}

inline std::string bytes(const YAML::Node& node) {
    if (!node) return {};
    if (node.IsScalar()) return latin1(node.Scalar());
    std::string out;
    if (node.IsSequence()) {
        for (const YAML::Node& part : node) out += bytes(part);
        return out;
    }
    const std::string unit = latin1(node["repeat"][0].Scalar());
    for (int n = node["repeat"][1].as<int>(); n > 0; --n) out += unit;
    return out;
}

inline std::vector<std::string> words(const YAML::Node& node) {
    std::vector<std::string> out;
    if (node && node.IsScalar()) out.push_back(node.Scalar());
    if (node && node.IsSequence()) {
        for (const YAML::Node& word : node) out.push_back(word.Scalar());
    }
    return out;
}

// Relative to the top of the source tree, where the tests are run.
inline std::vector<Vector> load_vectors(const std::string& path = "tests/data/http1.jsonl") {
    std::vector<Vector> out;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const YAML::Node node = YAML::Load(line);  // JSON is YAML
        const YAML::Node expect = node["expect"];
        Vector vector;
        vector.id = node["id"].Scalar();
        vector.via = node["via"].Scalar();
        vector.raw = bytes(node["raw"]);
        vector.response = bytes(node["resp"]);
        vector.status = words(expect["status"]);
        if (expect["n"]) vector.answers = expect["n"].as<int>();
        if (expect["max"]) vector.most = expect["max"].as<int>();
        if (expect["close"]) vector.close = expect["close"].as<bool>() ? 1 : 0;
        if (node["level"]) vector.level = node["level"].Scalar();
        if (node["cut"]) vector.cut = node["cut"].as<std::size_t>();
        if (node["heads"]) vector.heads = node["heads"].as<std::vector<bool>>();
        const YAML::Node up =
            node["expect_proxy"] && node["expect_proxy"]["up"] ? node["expect_proxy"]["up"] : expect["up"];
        if (up) {
            vector.up_least = (up.IsSequence() ? up[0] : up).as<std::size_t>();
            vector.up_most = (up.IsSequence() ? up[1] : up).as<std::size_t>();
        }
        const auto text = [&](const char* name) { return expect[name] ? latin1(expect[name].Scalar()) : ""; };
        vector.sent = text("has");
        vector.sent_not = text("not");
        vector.client = text("client");
        vector.client_not = text("client_not");
        vector.response_close = node["resp_close"] && node["resp_close"].as<bool>();
        out.push_back(vector);
    }
    return out;
}

}  // namespace berth::http::test
