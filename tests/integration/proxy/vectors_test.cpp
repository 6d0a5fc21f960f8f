// The raw HTTP/1 exchanges of tests/data/http1.jsonl through the proxy: what reaches the backend is one
// canonical reading, and the client never gets more answers than that.
#include "tests/unit/modules/http/protocol/vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "core/regex/regex.hpp"
#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

using http::test::Vector;

bool allows(const Vector& vector, int status) {
    const std::string text = std::to_string(status);
    const auto lists = [&](const std::string& word) {
        return std::ranges::find(vector.status, word) != vector.status.end();
    };
    return lists(text) || lists(text.substr(0, 1) + "xx") || (status >= 400 && lists("reject"));
}

bool matches(const std::string& pattern, const std::string& text, bool ignore_case) {
    const Result<Regex> regex = Regex::compile(pattern, {.ignore_case = ignore_case});
    EXPECT_TRUE(regex) << pattern;
    return regex && regex->matches(text);
}

// Every head in these bytes as a canonical writer would have written it.
void check_canonical(const std::string& bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        const std::size_t end = bytes.find("\r\n\r\n", at);
        if (end == std::string::npos) return;  // cut off with the connection
        const std::string head = bytes.substr(at, end + 2 - at);
        SCOPED_TRACE(head);
        EXPECT_TRUE(
            matches("\\A[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ \\x00-\\x20\\x7f]+ HTTP/1\\.[01]\\r\\n"
                    "([!#$%&'*+.^_`|~0-9A-Za-z-]+:[\\t \\x21-\\x7e\\x80-\\xff]*\\r\\n)*\\z",
                    head, false));
        std::size_t hosts = 0;
        std::size_t lengths = 0;
        std::size_t codings = 0;
        std::size_t length = 0;
        for (std::size_t line = head.find("\r\n") + 2; line < head.size();
             line = head.find("\r\n", line) + 2) {
            const std::string text = head.substr(line, head.find("\r\n", line) - line);
            hosts += matches("^host:", text, true) ? 1 : 0;
            codings += matches("^transfer-encoding: chunked$", text, true) ? 1 : 0;
            if (!matches("^content-length: [0-9]{1,18}$", text, true)) continue;
            ++lengths;
            length = std::strtoul(text.c_str() + 16, nullptr, 10);
        }
        EXPECT_EQ(hosts, 1U);
        EXPECT_LE(lengths + codings, 1U);
        EXPECT_FALSE(
            matches("^(transfer-encoding|content-length):", head.substr(head.find("\r\n") + 2), true) &&
            lengths + codings == 0);
        if (codings > 0) return;  // bodies of these vectors are read whole first, so that none is sent so
        at = end + 4 + length;
    }
}

class ProxyVectors : public ::testing::Test {
 protected:
    ProxyVectors()
        : backend_([this](BackendConnection& connection, const BackendRequest&) {
              const std::lock_guard lock(mutex_);
              connection.send(vector_.response.empty() ? answer("ok\n") : vector_.response);
              if (vector_.response_close) connection.close();
          }),
          server_("worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
                  std::to_string(backend_.port()) +
                  " max_fails=0; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
                  // The exchange ends with the client's end, which must not cancel what is under way.
                  "proxy_ignore_client_abort on; } } }") {}

    void run(const Vector& vector) {
        SCOPED_TRACE(vector.id);
        {
            const std::lock_guard lock(mutex_);
            vector_ = vector;
        }
        backend_.take_received();
        const std::size_t before = backend_.requests();
        Client client(server_.port());
        client.send(vector.raw.substr(0, vector.cut));
        client.send(vector.raw.substr(vector.cut));
        client.shutdown_write();
        const std::string all = client.read_all();
        judge(vector, all, backend_.requests() - before);
    }

    void judge(const Vector& vector, const std::string& all, std::size_t up) {
        std::vector<int> statuses;
        std::size_t at = 0;
        while ((at = all.find("HTTP/1.", at)) != std::string::npos) {
            const int status = std::atoi(all.c_str() + at + 9);
            if (status >= 200) statuses.push_back(status);
            ++at;
        }
        std::size_t refusals = 0;
        for (const int status : statuses) refusals += status >= 400 ? 1 : 0;
        EXPECT_LE(statuses.size(), up + refusals);
        if (!statuses.empty()) {
            EXPECT_TRUE(vector.status.empty() || allows(vector, statuses.front())) << statuses.front();
            const int count = static_cast<int>(statuses.size());
            if (statuses.front() < 400) {
                EXPECT_TRUE(vector.answers < 0 || count == vector.answers) << count;
                EXPECT_TRUE(vector.most < 0 || count <= vector.most) << count;
            }
        } else {
            EXPECT_TRUE(vector.status.empty() ||
                        std::ranges::any_of(vector.status, [](const std::string& word) {
                            return word == "none" || word == "reject";
                        }));
        }
        EXPECT_TRUE(up >= vector.up_least && up <= vector.up_most) << up << " requests upstream";
        if (!vector.client.empty()) {
            EXPECT_TRUE(matches(vector.client, all, false)) << all;
        }
        if (!vector.client_not.empty()) {
            EXPECT_FALSE(matches(vector.client_not, all, false)) << all;
        }
        for (const std::string& bytes : backend_.take_received()) {
            if (bytes.empty()) continue;
            check_canonical(bytes);
            if (!vector.sent_not.empty()) {
                EXPECT_FALSE(matches(vector.sent_not, bytes, true)) << bytes;
            }
            if (!vector.sent.empty() && up > 0) {
                EXPECT_TRUE(matches(vector.sent, bytes, true)) << bytes;
            }
        }
    }

    std::mutex mutex_;
    Vector vector_;
    Backend backend_;
    Server server_;
};

TEST_F(ProxyVectors, EachGoesThroughAsItMust) {
    int judged = 0;
    for (const Vector& vector : http::test::load_vectors(source_folder() + "/tests/data/http1.jsonl")) {
        if (vector.via == "direct") continue;
        run(vector);
        ++judged;
    }
    EXPECT_GT(judged, 130);
}

}  // namespace
}  // namespace berth::test
