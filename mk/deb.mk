# make deb: Debian's packages, in $(BUILD)/deb, of what is built here.
deb: all
	rm -rf $(BUILD)/deb && mkdir -p $(BUILD)/deb/source
	cp -a packaging/debian $(BUILD)/deb/source/debian
	cd $(BUILD)/deb/source && RELAIS_SOURCE=$(CURDIR) dpkg-buildpackage -b -us -uc -nc -d
	@ls $(BUILD)/deb/*.deb

check-packages: deb
	tests/run packages
.PHONY: deb check-packages
