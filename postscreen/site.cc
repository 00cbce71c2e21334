#include "postscreen/site.h"

#include <utility>

#include "lib/base/log.h"
#include "lib/config/config.h"
#include "lib/config/old_default.h"
#include "lib/daemon/privileges.h"

namespace relais::postscreen {

namespace {

TableSet tables_of(std::string_view parameter) {
    return {std::string(parameter), conf().text_value(parameter),
            table_flag::kLock | table_flag::kFoldFixed};
}

std::shared_ptr<ExpiringCache> open_cache() {
    if (conf().postscreen_cache_map().empty()) {
        return nullptr;
    }
    ActingAsMailOwner owner(conf().mail_owner());
    return std::make_shared<ExpiringCache>(conf().postscreen_cache_map());
}

}  // namespace

Site::Site()
    : access(conf().postscreen_access_list()),
      own_interfaces("postscreen_allowlist_interfaces", conf().postscreen_allowlist_interfaces(),
                     MatchList::Kind::kNetwork),
      forbidden_commands("postscreen_forbidden_commands", conf().postscreen_forbidden_commands(),
                         MatchList::Kind::kString),
      command_filter(tables_of("postscreen_command_filter")),
      ehlo_keywords(tables_of("postscreen_discard_ehlo_keyword_address_maps")),
      footers(tables_of("postscreen_reject_footer_maps")),
      cache(open_cache()) {
}

Site::Presence::Presence(Site& site, std::string address)
    : site_(site), address_(std::move(address)) {
    ++site_.clients;
    ++site_.by_address_[address_];
}

Site::Presence::~Presence() {
    const auto found = site_.by_address_.find(address_);
    if (--found->second == 0) {
        site_.by_address_.erase(found);
    }
    --site_.clients;
    // Where stress ends is well below where it begins.
    if (site_.under_stress && site_.clients <= site_.settings.pre_queue_limit * 7 / 10) {
        log_info("leaving STRESS mode with {} connections", site_.clients);
        site_.under_stress = false;
    }
}

int Site::Presence::count() const {
    return site_.by_address_.find(address_)->second;
}

void Site::note_load() {
    if (!under_stress && clients >= settings.pre_queue_limit * 9 / 10) {
        log_info("entering STRESS mode with {} connections", clients);
        under_stress = true;
    }
}

void Site::remark_on_words(std::string_view client) const {
    if (in_force(OldDefault::kRespectfulLogging)) {
        log_old_default(OldDefault::kRespectfulLogging, format("for client {}", client));
    }
}

std::string_view Site::allow_word(std::string_view client) const {
    remark_on_words(client);
    return settings.respectful ? "ALLOW" : "WHITE";
}

std::string_view Site::deny_word(std::string_view client) const {
    remark_on_words(client);
    return settings.respectful ? "DENY" : "BLACK";
}

}  // namespace relais::postscreen
