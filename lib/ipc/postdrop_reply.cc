#include "lib/ipc/postdrop_reply.h"

#include <utility>

namespace relais {

std::optional<Attributes> postdrop_outcome(std::string_view reply) {
    std::optional<Attributes> last;
    int lists = 0;
    for (;;) {
        AttrParse parsed = parse_attributes(reply);
        if (parsed.status != AttrParse::Status::kComplete) {
            return lists == 2 ? last : std::nullopt;
        }
        last = std::move(parsed.attributes);
        ++lists;
        reply.remove_prefix(parsed.length);
    }
}

}  // namespace relais
