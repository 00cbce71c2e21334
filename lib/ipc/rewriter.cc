#include "lib/ipc/rewriter.h"

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/old_default.h"
#include "lib/mail/address.h"

namespace relais {

namespace {

constexpr int kRewriteTries = 60;
constexpr auto kRetryDelay = std::chrono::seconds(1);

}  // namespace

Rewriter::Rewriter(const Config& config) : config_(config) {
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
    // trivial-rewrite has a remark to make where this is an old default.
    if (!local || in_force(OldDefault::kAppendDotMydomain, config_)) {
        return std::nullopt;
    }
    return result + "." + config_.mydomain();
}

Task<Result<std::string>> Rewriter::external(RewriteContext context, std::string address) {
    if (auto known = at_once(context, address)) {
        co_return std::move(*known);
    }
    // The service may just be restarting: the client of this message can wait.
    for (int attempt = 1;; ++attempt) {
        auto answer = co_await client_.rewrite(context, address);
        if (answer || attempt >= kRewriteTries) {
            co_return answer;
        }
        log_warning("{}", answer.error().message);
        co_await sleep_for(kRetryDelay);
    }
}

Task<Result<std::string>> Rewriter::internal(std::string address) {
    // What is known at once is an address of which both forms are the same.
    if (auto known = at_once(RewriteContext::kLocal, address)) {
        co_return std::move(*known);
    }
    auto rewritten = co_await external(RewriteContext::kLocal, quote_address(address));
    if (!rewritten) {
        co_return fail_with(rewritten);
    }
    co_return unquote_address(*rewritten);
}

Task<Result<Resolved>> Rewriter::resolve(std::string sender, std::string address) {
    if (!address.empty()) {
        auto complete = co_await internal(std::move(address));
        if (!complete) {
            co_return fail_with(complete);
        }
        address = std::move(*complete);
    }
    co_return co_await client_.resolve(std::move(sender), std::move(address));
}

}  // namespace relais
