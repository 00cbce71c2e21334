#include "cleanup/rewriter.h"

#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/mail/address.h"

namespace relais::cleanup {

namespace {

constexpr int kRewriteTries = 60;
constexpr auto kRetryDelay = std::chrono::seconds(1);

bool local_part_char(char c) {
    // Atom characters without those that old routing syntax gives a meaning: ! and %.
    return is_alnum(c) || std::string_view("#$&'*+-/=?^_`{|}~").contains(c);
}

bool domain_char(char c) {
    return is_alnum(c) || c == '-' || c == '_';
}

template <class IsChar>
bool dotted_words(std::string_view text, IsChar is_char) {
    if (text.empty() || text.front() == '.' || text.back() == '.' || text.contains("..")) {
        return false;
    }
    return std::ranges::all_of(text, [&](char c) { return c == '.' || is_char(c); });
}

ServiceAddress rewrite_address(const Config& config) {
    return {"private/" + config.rewrite_service_name(), "trivial_rewrite_protocol"};
}

ServiceClientLimits rewrite_limits(const Config& config) {
    ServiceClientLimits limits;
    limits.timeout = config.ipc_timeout();
    limits.idle = config.ipc_idle();
    limits.lifetime = config.ipc_ttl();
    return limits;
}

}  // namespace

bool is_plain_address(std::string_view address) {
    auto at = address.rfind('@');
    if (at == std::string_view::npos) {
        return dotted_words(address, local_part_char);
    }
    return dotted_words(address.substr(0, at), local_part_char) &&
           dotted_words(address.substr(at + 1), domain_char);
}

Rewriter::Rewriter(const Config& config)
    : config_(config), client_(rewrite_address(config), rewrite_limits(config)) {
}

std::optional<std::string> Rewriter::at_once(RewriteContext context,
                                             std::string_view address) const {
    if (!is_plain_address(address)) {
        return std::nullopt;
    }
    bool local = context == RewriteContext::kLocal;
    AddressParts parts = split_address(address);
    std::string result(address);
    if (!parts.has_domain) {
        if (!config_.append_at_myorigin()) {
            return std::nullopt;
        }
        result += '@';
        result += local ? config_.myorigin() : config_.remote_header_rewrite_domain();
        return result;
    }
    if (parts.domain.contains('.') || !config_.append_dot_mydomain()) {
        return result;
    }
    if (!local) {
        return std::nullopt;
    }
    return result + "." + config_.mydomain();
}

Task<Result<std::string>> Rewriter::external(RewriteContext context, std::string address) {
    if (auto known = at_once(context, address)) {
        co_return std::move(*known);
    }
    co_return co_await ask(context, std::move(address));
}

Task<Result<std::string>> Rewriter::internal(std::string address) {
    auto rewritten = co_await external(RewriteContext::kLocal, quote_address(address));
    if (!rewritten) {
        co_return fail_with(rewritten);
    }
    co_return unquote_address(*rewritten);
}

Task<Result<std::string>> Rewriter::ask(RewriteContext context, std::string address) {
    std::string_view rule = context == RewriteContext::kLocal ? "local" : "remote";
    AttrWriter request;
    request.string("request", "rewrite").string("rule", rule).string("address", address).end();
    std::string bytes = request.take();
    for (int attempt = 1;; ++attempt) {
        auto reply = co_await client_.call(bytes);
        if (reply) {
            AttrReader reader(*reply);
            reader.number("flags");
            std::string rewritten = reader.string("address");
            if (!reader.failed()) {
                co_return rewritten;
            }
            log_warning("problem talking to service {}: {}", client_.address().socket,
                        reader.error());
        } else {
            log_warning("problem talking to service {}: {}", client_.address().socket,
                        reply.error().message);
        }
        if (attempt >= kRewriteTries) {
            co_return fail(Errc::kTemporary, "address rewriting is unavailable");
        }
        co_await sleep_for(kRetryDelay);
    }
}

}  // namespace relais::cleanup
