// The module of the core variables: it has no directives.
#include "core/module.hpp"

#include "modules/http/builder.hpp"
#include "modules/http/variables/groups.hpp"

namespace berth {

extern const Module http_variables;
extern const Module http_variables = {
    .name = "http_variables",
    .http =
        [](http::HttpBuilder& builder) {
            Variables& variables = builder.variables();
            http::define_request_variables(variables);
            http::define_header_variables(variables);
            http::define_connection_variables(variables);
            http::define_response_variables(variables);
            http::define_time_variables(variables);
            http::define_server_variables(variables);
            http::define_file_variables(variables);
        },
};

}  // namespace berth
