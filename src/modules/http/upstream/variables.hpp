// $upstream_addr, $upstream_status and their like.
#pragma once

namespace berth {
class Variables;
}

namespace berth::http {

// For the module that every protocol to backends stands on.
void define_upstream_variables(Variables& variables);

}  // namespace berth::http
