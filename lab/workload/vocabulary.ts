// Word lists of the generated rows. Their length sets how well the text compresses.
const words = (text: string): string[] => text.trim().split(/\s+/);

export const firstNames = words(`
  Ada Adem Agnes Ahmet Aisha Alba Alejandro Alice Amara Amir Ana Anders Andrea Anja Anton Aylin Beatriz Benedikt Birgit
  Boris Bruno Camille Carla Carlos Cem Chiara Clara Claudia Daan Dagmar Daria David Deniz Diego Dilara Dora Eduard Elena
  Elif Elisa Emil Emma Enzo Erik Esra Eva Fatma Felix Femke Fiona Franz Gabriel Georg Gerda Gianni Greta Hakan Hana Hanna
  Hassan Heidi Helena Henrik Hugo Ida Igor Ines Ingrid Irina Isabel Ivan Jakob Jana Jasmin Joana Johan Jonas Jorge Julia
  Kaan Karin Karl Katja Kemal Klara Kofi Lara Lars Laura Lea Leila Leo Lina Lorenzo Louis Lucia Luka Luis Magda Maja
  Malik Manuel Mara Marek Maria Marta Martin Mateo Max Mehmet Mia Milan Mina Miriam Mona Murat Nadia Naomi Nils Nina Noah
  Nora Olaf Olga Omar Oscar Otto Pablo Paula Pavel Pedro Petra Pia Rafael Rana Rita Robert Rosa Ruben Sami Sara Selin
  Sofia Stefan Sven Tarik Teresa Theo Tilda Tomas Ulla Umut Uwe Vera Viktor Wanda Werner Xenia Yara Yusuf Zeynep Zoe`);

export const lastNames = words(`
  Acar Aguilar Albrecht Almeida Andersen Arnold Aydin Bakker Barbieri Bauer Becker Berg Bernard Bianchi Blanco Boer Brandt
  Bruun Caruso Castro Celik Christensen Colombo Conti Costa Cruz Dahl Demir Diaz Dietrich Dubois Dupont Durand Engel Ernst
  Esposito Evans Fabre Ferrari Ferreira Fischer Fontana Fournier Frank Fuchs Gallo Garcia Gatti Geiger Gomez Greco Gross
  Gruber Gunes Haas Hahn Hansen Hartmann Heinrich Herrera Hofer Horvat Huber Iglesias Jacobs Jansen Jensen Johansson Kaya
  Keller Klein Koch Kowalski Krause Kruger Kurt Lange Larsen Lehmann Lindgren Lombardi Lopez Lorenz Mancini Marin Marques
  Martins Mayer Meier Mendes Moreau Moretti Moser Nagy Nielsen Novak Nowak Olsen Ortega Ozturk Pereira Petersen Peeters
  Pinto Polat Ramos Richter Ricci Rinaldi Rocha Romano Roth Ruiz Sahin Santos Schmid Schulz Seidel Silva Smit Sommer Stein
  Svensson Tekin Torres Toth Vargas Vega Vogel Wagner Weber Weiss Winkler Wolf Yilmaz Zimmermann Zanetti`);

export const streets = words(`
  Ahornweg Akazienstrasse Albertstraat Alleestrasse Amselweg Bachgasse Bahnhofstrasse Bergweg Birkenallee Blumenstrasse
  Boulevard-Voltaire Burgplatz Calle-Mayor Carrer-Gran Dorfstrasse Eichenweg Erlengrund Fabrikstrasse Feldweg Gartenweg
  Goethestrasse Hafenstrasse Hauptstrasse Hochstrasse Industriestrasse Kaiserring Kanaalweg Karlsplatz Kirchgasse
  Kongevej Lindenallee Marktplatz Meistersinger Mozartgasse Muehlweg Neugasse Nordring Ostwall Parkstrasse Plaza-Nueva
  Poststrasse Quellenweg Rathausplatz Rosenweg Rua-Augusta Rue-de-Rivoli Schillerstrasse Schlossallee Schulstrasse
  Seeufer Stationsplein Steinweg Talstrasse Uferpromenade Via-Garibaldi Via-Roma Waldstrasse Weinberg Wiesengrund`);

export const cities = words(`
  Aachen Aarhus Amsterdam Ankara Antalya Antwerp Augsburg Barcelona Basel Bergamo Berlin Bern Bilbao Bologna Bordeaux
  Bremen Brno Bruges Brussels Bucharest Budapest Bursa Cologne Copenhagen Dortmund Dresden Dublin Eindhoven Essen
  Florence Frankfurt Freiburg Gdansk Geneva Genoa Ghent Graz Groningen Hamburg Hanover Helsinki Innsbruck Istanbul Izmir
  Katowice Kiel Krakow Lausanne Leipzig Liege Lille Linz Lisbon Ljubljana Lugano Lyon Madrid Malaga Malmo Mannheim
  Marseille Milan Munich Nantes Naples Nuremberg Odense Oslo Padua Palermo Paris Porto Poznan Prague Riga Rome Rotterdam
  Salzburg Seville Sofia Stuttgart Tallinn Toulouse Trieste Turin Turku Utrecht Valencia Venice Verona Vienna Vilnius
  Warsaw Winterthur Wroclaw Zagreb Zurich`);

export const productNouns = words(`
  adapter axle bearing belt bolt bracket bushing cable cap casing chain clamp clutch coil connector coupling cover
  cylinder damper disc drill duct fan filter fitting flange fuse gasket gear gearbox gauge grille handle hinge hose
  housing impeller insert joint latch lever manifold motor mount nozzle nut panel pin pipe piston plate plug pulley pump
  rail regulator relay ring rivet rod roller rotor screw seal sensor shaft sleeve socket spacer spindle spring switch
  terminal thermostat tube turbine union valve washer wheel`);

export const productAdjectives = words(`
  adjustable angular anodised axial black brass braided bronze calibrated carbon ceramic chromed compact conical copper
  double dry ductile elastic enamelled fine flat flexible forged galvanised gilded hardened heavy hexagonal hollow
  hydraulic insulated laminated left-hand light linear magnetic matt metric milled nickel-plated oval painted perforated
  plastic pneumatic polished precision pressed radial reinforced right-hand rigid round rubber sealed self-locking
  short single slotted solid square stainless steel straight tapered threaded titanium toothed universal welded zinc`);

export const noteWords = words(`
  please deliver before noon to ramp two call driver on arrival customer asked for partial shipment remaining goods follow
  next week invoice separately address changed since last order see attached drawing revision tolerance as agreed replace
  damaged parts from previous delivery urgent needed by assembly line hold until payment received approved by purchasing
  cost centre project reference framework contract discount granted once return empty pallets packing list required
  certificate of origin inspection report batch number must match sample confirmed by phone with quality department
  shipping via forwarder express surcharge accepted no delivery on public holidays warehouse closed after four forklift
  available unloading from the side only two persons required sign at reception badge needed photo documentation credit
  note pending check stock again backorder cancelled substitute offered alternative colour accepted standard finish`);

export const legalForms = ["GmbH", "AG", "KG", "SpA", "Srl", "SA", "SARL", "BV", "NV", "ApS", "AB", "Oy", "Ltd", "SL"];
export const currencies = ["EUR", "EUR", "EUR", "EUR", "CHF", "USD", "TRY", "SEK"];
export const countries = ["DE", "AT", "CH", "IT", "FR", "NL", "BE", "ES", "PT", "DK", "SE", "PL", "TR", "CZ"];
export const orderStates = ["draft", "confirmed", "picked", "shipped", "shipped", "invoiced", "invoiced", "cancelled"];
export const paymentMethods = ["transfer", "transfer", "debit", "card", "cash"];
export const roles = ["user", "user", "user", "user", "accountant", "warehouse", "sales", "manager", "admin"];
