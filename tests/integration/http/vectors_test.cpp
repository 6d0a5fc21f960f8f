// The raw HTTP/1 exchanges of tests/data/http1.jsonl, against a real server.
#include "tests/unit/modules/http/protocol/vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

using http::test::Vector;

bool refuses(int status) {
    static const std::set<int> kRefusals{400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 417,
                                         421, 422, 426, 431, 500, 501, 502, 503, 504, 505};
    return kRefusals.contains(status);
}

bool allows(const Vector& vector, std::string_view word) {
    return std::ranges::find(vector.status, word) != vector.status.end();
}

bool allows(const Vector& vector, int status) {
    const std::string text = std::to_string(status);
    return allows(vector, text) || allows(vector, text.substr(0, 1) + "xx");
}

// Everything the server has to say to these bytes. Our end of the stream is what ends the exchange: the
// server answers what it can, and closes.
std::vector<Response> exchange(const Server& server, const Vector& vector) {
    Client client(server.port());
    client.send(vector.raw.substr(0, vector.cut));
    client.send(vector.raw.substr(vector.cut));
    client.shutdown_write();
    std::vector<Response> answers;
    for (;;) {
        const bool head = answers.size() < vector.heads.size() && vector.heads[answers.size()];
        Response response = client.read_response(head);
        if (response.status == 0) return answers;
        if (response.status >= 200) answers.push_back(std::move(response));
    }
}

void judge(const Vector& vector, const std::vector<Response>& answers) {
    if (answers.empty()) {
        EXPECT_TRUE(allows(vector, "none") || vector.status.empty()) << "no answer";
        return;
    }
    const int status = answers.front().status;
    const bool refused = refuses(status) && allows(vector, "reject");
    EXPECT_TRUE(refused || allows(vector, status) || vector.status.empty()) << status;
    if (refused) {
        EXPECT_EQ(answers.size(), 1U) << "answers again after refusing";
        EXPECT_TRUE(answers.front().says_close()) << "stays open after refusing";
        return;
    }
    const int count = static_cast<int>(answers.size());
    EXPECT_TRUE(vector.answers < 0 || count == vector.answers) << count << " answers";
    EXPECT_TRUE(vector.most < 0 || count <= vector.most) << count << " answers";
    EXPECT_TRUE(vector.close < 0 || answers.back().says_close() == (vector.close == 1));
    for (const Response& answer : answers) EXPECT_TRUE(answer.complete);
}

TEST(Http1Vectors, EachIsAnsweredAsItMust) {
    Server server(R"(http { access_log off; server { listen 127.0.0.1:{port};
        location / { return 200 "ok\n"; } } })");
    int judged = 0;
    for (const Vector& vector : http::test::load_vectors(source_folder() + "/tests/data/http1.jsonl")) {
        if (vector.via != "both" && vector.via != "direct") continue;
        SCOPED_TRACE(vector.id);
        judge(vector, exchange(server, vector));
        ++judged;
    }
    EXPECT_GT(judged, 100);
}

}  // namespace
}  // namespace berth::test
