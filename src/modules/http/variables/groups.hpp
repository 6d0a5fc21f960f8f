// The core variables of HTTP, by what they tell of.
#pragma once

#include "core/value/variables.hpp"

namespace berth::http {

void define_request_variables(Variables& variables);
void define_header_variables(Variables& variables);
void define_connection_variables(Variables& variables);
void define_response_variables(Variables& variables);
void define_time_variables(Variables& variables);
void define_server_variables(Variables& variables);
void define_file_variables(Variables& variables);

}  // namespace berth::http
