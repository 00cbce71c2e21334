#include "lib/ipc/mail_source.h"

#include <array>
#include <optional>
#include <string_view>

#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/ipc/cleanup_client.h"

namespace relais {

namespace {

constexpr std::array<std::string_view, 7> kNames = {"sendmail", "smtpd",  "qmqpd", "forward",
                                                    "bounce",   "notify", "verify"};

std::optional<MailSource> source_named(std::string_view word) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (iequals(kNames[i], word)) {
            return static_cast<MailSource>(i);
        }
    }
    return std::nullopt;
}

}  // namespace

unsigned utf8_detection(MailSource source) {
    if (!conf().smtputf8_enable()) {
        return 0;
    }
    unsigned flags = 0;
    const auto& classes = conf().smtputf8_autodetect_classes();
    for (const auto word : split_words(classes, ", \t\r\n")) {
        const auto named = source_named(word);
        if (!named && !iequals(word, "all")) {
            log_fatal("unknown smtputf8_autodetect_classes value \"{}\" in \"{}\"", word, classes);
        }
        flags |= !named || *named == source ? static_cast<unsigned>(kCleanupAutoUtf8) : 0U;
    }
    return flags;
}

}  // namespace relais
