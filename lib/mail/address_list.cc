// Address headers: see the header.
#include "lib/mail/address_list.h"

#include <algorithm>
#include <utility>

namespace relais {

// Cuts a token list into elements at its commas and groups, and each element into what is printed
// around its address and the address.
class AddressListParser {
  public:
    AddressListParser(AddressTokens tokens, AddressList& list)
        : tokens_(std::move(tokens)), list_(list) {}

    void run() {
        while (at_ < tokens_.size()) {
            const auto& token = tokens_[at_];
            if (token.is(',')) {
                end_element();
                keep(at_++);
                first_piece_ = list_.pieces_.size();
            } else if (token.is(';')) {
                end_element();
                keep(at_++);
                group_ = -1;
                first_piece_ = list_.pieces_.size();
            } else if (token.is(':') && begins_group()) {
                begin_group();
            } else if (token.is('<')) {
                bracketed();
            } else {
                element_.push_back(at_++);
            }
        }
        end_element();
    }

  private:
    void keep(std::size_t index) { list_.pieces_.push_back({tokens_[index], -1}); }

    bool begins_group() const {
        return group_ < 0 && !slot_done_ && !element_.empty() &&
               std::ranges::none_of(element_, [this](std::size_t i) { return tokens_[i].is('@'); });
    }

    void begin_group() {
        std::string name;
        for (const auto i : element_) {
            if (tokens_[i].type != AddressTokenType::kComment) {
                name += name.empty() || !tokens_[i].blank_before ? "" : " ";
                name += tokens_[i].text;
            }
            keep(i);
        }
        element_.clear();
        group_ = static_cast<int>(list_.groups_.size());
        list_.groups_.push_back(std::move(name));
        keep(at_++);
        first_piece_ = list_.pieces_.size();
    }

    // The ">" that closes the "<" at at_, or 0.
    std::size_t closing_bracket() const {
        for (auto i = at_ + 1; i < tokens_.size() && !tokens_[i].is('<'); ++i) {
            if (tokens_[i].is('>')) {
                return i;
            }
        }
        return 0;
    }

    // "<<user@domain>>"
    bool is_doubled() const {
        if (at_ + 1 >= tokens_.size() || !tokens_[at_ + 1].is('<')) {
            return false;
        }
        auto i = at_ + 2;
        while (i < tokens_.size() && !tokens_[i].is('<') && !tokens_[i].is('>')) {
            ++i;
        }
        return i + 1 < tokens_.size() && tokens_[i].is('>') && tokens_[i + 1].is('>');
    }

    // A "<" that nothing closes is part of the word behind it.
    void open_bracket() {
        AddressToken word{AddressTokenType::kQuoted, "<", tokens_[at_].blank_before};
        list_.malformed_ = true;
        if (at_ + 1 < tokens_.size() && tokens_[at_ + 1].is_word()) {
            ++at_;
            word.text += tokens_[at_].text;
        }
        tokens_[at_] = std::move(word);
        element_.push_back(at_++);
    }

    void bracketed() {
        const auto close = closing_bracket();
        if (close == 0 && is_doubled()) {
            keep(at_++);
            return;
        }
        if (close == 0) {
            open_bracket();
            return;
        }
        for (const auto i : element_) {
            keep(i);
        }
        element_.clear();
        keep(at_);
        std::vector<std::size_t> comments;
        AddressList::Slot slot;
        for (auto i = at_ + 1; i < close; ++i) {
            if (tokens_[i].type == AddressTokenType::kComment) {
                comments.push_back(i);
            } else {
                slot.tokens.push_back(tokens_[i]);
            }
        }
        slot.bracketed = true;
        list_.malformed_ = list_.malformed_ || !is_single(slot.tokens);
        add_slot(std::move(slot));
        keep(close);
        for (const auto i : comments) {
            keep(i);
        }
        at_ = close + 1;
        slot_done_ = true;
    }

    // One address, perhaps behind a source route (RFC 5321 4.1.2).
    static bool is_single(const AddressTokens& tokens) {
        const bool route = !tokens.empty() && tokens[0].is('@');
        for (std::size_t i = 0; i < tokens.size(); ++i) {
            if (tokens[i].is(';') || (tokens[i].is(',') && !route) ||
                (i > 0 && tokens[i].is_word() && tokens[i - 1].is_word())) {
                return false;
            }
        }
        return true;
    }

    void add_slot(AddressList::Slot slot) {
        slot.group = group_;
        slot.first_piece = first_piece_;
        slot.piece = list_.pieces_.size();
        list_.pieces_.push_back({AddressToken(), static_cast<int>(list_.slots_.size())});
        list_.slots_.push_back(std::move(slot));
    }

    // Bare addresses with their comments, or what followed a ">".  Words side by side are addresses
    // of their own that lack a comma.
    void end_element() {
        std::vector<std::size_t> after;
        AddressList::Slot slot;
        for (const auto i : element_) {
            const bool aside = tokens_[i].type == AddressTokenType::kComment || tokens_[i].is('>');
            if (slot_done_) {
                keep(i);
                continue;
            }
            if (aside) {
                after.push_back(i);
                continue;
            }
            if (!slot.tokens.empty() && slot.tokens.back().is_word() && tokens_[i].is_word()) {
                finish_slot(slot, after);
                add_comma();
            }
            slot.tokens.push_back(tokens_[i]);
        }
        element_.clear();
        finish_slot(slot, after);
        slot_done_ = false;
    }

    void finish_slot(AddressList::Slot& slot, std::vector<std::size_t>& after) {
        if (!slot.tokens.empty()) {
            if (!list_.pieces_.empty() && list_.pieces_.back().token.is(';')) {
                add_comma();
            }
            add_slot(std::exchange(slot, {}));
        }
        for (const auto i : after) {
            keep(i);
        }
        after.clear();
    }

    void add_comma() {
        list_.pieces_.push_back({{AddressTokenType::kSpecial, ",", false}, -1});
        first_piece_ = list_.pieces_.size();
    }

    AddressTokens tokens_;
    AddressList& list_;
    std::size_t at_ = 0;
    std::vector<std::size_t> element_;  // tokens since the element began
    std::size_t first_piece_ = 0;
    int group_ = -1;
    bool slot_done_ = false;
};

AddressList AddressList::parse(std::string_view header_value, std::size_t token_limit) {
    AddressList list;
    AddressListParser(tokenize_address(header_value, token_limit), list).run();
    return list;
}

void AddressList::set_external(std::size_t i, std::string_view address) {
    slots_[i].tokens = tokenize_address(address);
}

bool AddressList::has_text_outside() const {
    return std::ranges::any_of(pieces_, [](const Piece& piece) {
        return piece.slot < 0 && !piece.token.is('<') && !piece.token.is('>') &&
               piece.token.type != AddressTokenType::kComment;
    });
}

bool AddressList::has_comments() const {
    return std::ranges::any_of(pieces_, [](const Piece& piece) {
        return piece.slot < 0 && piece.token.type == AddressTokenType::kComment;
    });
}

std::string AddressList::display_name(std::size_t i) const {
    const auto& slot = slots_[i];
    std::string name;
    if (slot.bracketed) {
        for (auto p = slot.first_piece; p + 1 < slot.piece; ++p) {  // the last is "<"
            const auto& token = pieces_[p].token;
            if (token.type != AddressTokenType::kComment) {
                name += name.empty() || !token.blank_before ? "" : " ";
                name += internal_address({token});
            }
        }
    }
    for (auto p = slot.piece + 1; name.empty() && p < pieces_.size(); ++p) {
        const auto& token = pieces_[p].token;
        if (token.is(',') || token.is(';') || pieces_[p].slot >= 0) {
            break;
        }
        if (token.type == AddressTokenType::kComment) {
            name = token.text.substr(1, token.text.size() - 2);
        }
    }
    return name;
}

// A blank stands between words, before "<", and after ">" and the ":" of a group; what blanks the
// text had otherwise is lost, as in Postfix.
std::string AddressList::print(Separator separator) const {
    const auto slot_of = [this](const Piece& piece) {
        return piece.slot < 0 ? nullptr : &slots_[static_cast<std::size_t>(piece.slot)];
    };
    const auto wordy = [&](const Piece& piece) {
        const auto* slot = slot_of(piece);
        return (slot != nullptr && !slot->bracketed) || piece.token.is_word() ||
               piece.token.type == AddressTokenType::kComment;
    };
    std::string out;
    const Piece* before = nullptr;
    for (const auto& piece : pieces_) {
        const auto& token = piece.token;
        const auto* slot = slot_of(piece);
        if (before != nullptr && !before->token.is(',') && !before->token.is('<')) {
            const bool spaced = before->token.is(':') || token.is('<') ||
                                (wordy(piece) && (wordy(*before) || before->token.is('>')));
            out += spaced && !token.is(',') ? " " : "";
        }
        if (slot != nullptr) {
            const auto address = external_address(slot->tokens);
            out += address.empty() && !slot->bracketed ? "<>" : address;
        } else if (token.type == AddressTokenType::kQuoted) {
            out += '"' + token.text + '"';
        } else {
            out += token.text;
        }
        if (token.is(',')) {
            out += separator == Separator::kNewline ? '\n' : ' ';
        }
        before = &piece;
    }
    return out;
}

}  // namespace relais
