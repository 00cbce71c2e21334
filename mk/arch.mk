# make arch-source: what makepkg needs, in $(BUILD)/arch; make arch: Arch's packages of it, on an Arch machine.
arch-source:
	rm -rf $(BUILD)/arch && mkdir -p $(BUILD)/arch
	git archive --prefix=relais-$(VERSION)/ -o $(BUILD)/arch/relais-$(VERSION).tar.gz HEAD
	cp packaging/arch/* $(BUILD)/arch/
arch: arch-source
	cd $(BUILD)/arch && makepkg --syncdeps
.PHONY: arch-source arch
